// Having the processor fetch lines before they are needed; any address may be given.
//
// Arrays that are read in order an AMD processor fetches well ahead by itself, and being asked costs it time: of
// 4096 x 1024 floats on a Zen 4, the gradient of softmax 20 %, log_softmax and its gradient 25 to 29 %, reductions of
// rows 7 to 25 %. On a Xeon the same requests save a quarter of a reduction. RMS-norm gains by them on both.
#pragma once
#include <cstdint>

namespace simd {

inline const bool ASKS_AHEAD = !__builtin_cpu_is("amd");

inline void fetch(const void *p) { __builtin_prefetch(p); }

// The same, as far as the second cache.
inline void fetch_near(const void *p) { __builtin_prefetch(p, 0, 2); }

// What lies so many bytes behind: where the processor does that by itself, the line at p, which is needed now.
inline void fetch_ahead(const void *p, int64_t bytes = 2048) { fetch((const char *)p + (ASKS_AHEAD ? bytes : 0)); }

}  // namespace simd
