// A function of each element of one array, or of two, into another; a large one is written past the caches.
#pragma once
#include "parallel.h"
#include "past.h"
#include "sweep.h"

constexpr int64_t GRAIN = 32768;  // elements that are worth a thread

template <bool FAR, class T, class F, class... In>
static void map_part(F f, int64_t from, int64_t to, T *y, const In *...x) {
    sweep<FAR>(
        y, from, to,
        [=](int64_t i) {
            (fetch_ahead(x + i), ...);
            const vf value = f(load(x + i)...);
            FAR ? store_past(y + i, value) : store(y + i, value);
        },
        [=](int64_t i, int count) { store_some(y + i, count, f(load_some(x + i, count, 0)...)); });
}

template <class T, class F, class... In>
static int map(F f, int64_t n, int threads, T *y, const In *...x) {
    const bool far = n * int64_t(sizeof(T)) >= PAST_BYTES && ((y != x) && ...);
    parallel_for(n, GRAIN, threads, [=](int64_t from, int64_t to) {
        if (far) {
            map_part<true>(f, from, to, y, x...);
            _mm_sfence();
        } else {
            map_part<false>(f, from, to, y, x...);
        }
    });
    return OK;
}
