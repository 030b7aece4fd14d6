// A tile of 64 bytes by 64 bytes of rows is turned within the registers. Pieces of 16 bytes of a vector are loaded
// from rows that lie apart, so that what remains is to turn small squares inside each piece, by interleaving.
// Learned: an element costs a quarter of a shuffle instead of a load and a store, and a write fills a whole cache
// line. Then only the memory counts: lines that are written whole, and past the caches, need not be read first; a
// vector that straddles two lines costs twice where rows are 8 KiB apart, since all of them share a place in the cache
// (2048x2048: 3.5 ms against 1.8); and what the next tiles read has to be fetched ahead (1000x4000: 2.0 against 2.9).
#include "bands.h"

#define DEFINE(T, DTYPE)                                                                                            \
    KERNEL transpose_v3_registers_##DTYPE(const T *x, T *y, int64_t batch, int64_t m, int64_t n, int threads) {     \
        return in_bands(x, y, batch, m, n, threads);                                                                \
    }
DEFINE(uint32_t, f32)
DEFINE(uint32_t, i32)
DEFINE(uint16_t, bf16)
DEFINE(uint16_t, f16)
DEFINE(uint64_t, i64)
DEFINE(uint8_t, i8)
DEFINE(uint8_t, u8)
