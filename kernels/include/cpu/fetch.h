// Having the processor fetch lines before they are needed; any address may be given.
//
// Arrays that are read in order an AMD processor fetches well ahead by itself, and being asked costs it time: of
// 4096 x 1024 floats on a Zen 4, the gradient of softmax 20 %, log_softmax and its gradient 25 to 29 %, reductions of
// rows 7 to 25 %, RMS-norm a third, as they hold up what is written past the caches. On a Xeon the same requests save a
// quarter of a reduction.
#pragma once
#include <cstdint>

namespace simd {

inline const bool ASKS_AHEAD = !__builtin_cpu_is("amd");

inline void fetch(const void *p) { __builtin_prefetch(p); }

// The same, as far as the second cache.
inline void fetch_near(const void *p) { __builtin_prefetch(p, 0, 2); }

// What lies so many bytes behind, unless the processor does that by itself.
inline void fetch_ahead(const void *p, int64_t bytes = 2048) {
    if (ASKS_AHEAD) fetch((const char *)p + bytes);
}

}  // namespace simd
