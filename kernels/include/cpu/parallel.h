// A loop over threads. The split depends on the number of threads alone, so a kernel that does the same work per
// part gives the same bits again.
#pragma once
#include <omp.h>

#include <cstdint>

// Call body(begin, end) for parts of [0, n), each of `grain` elements or more, on up to `threads` threads.
template <class Body>
inline void parallel_for(int64_t n, int64_t grain, int threads, Body body) {
    int64_t parts = n / (grain > 0 ? grain : 1);
    if (parts > threads) parts = threads;
    if (parts <= 1) {
        body(int64_t(0), n);
        return;
    }
#pragma omp parallel for schedule(static, 1) num_threads(int(parts))
    for (int64_t part = 0; part < parts; part++) body(n * part / parts, n * (part + 1) / parts);
}
