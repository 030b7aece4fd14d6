// Square blocks that fit the nearest cache, element by element within.
// Learned: blocks make use of every line that is fetched, and that is most of what there is to gain; what is left is
// an instruction to load and one to store per element.
#include <algorithm>

#include "kernel.h"
#include "parallel.h"

constexpr int64_t SIDE = 32;

template <class T>
static int all(const T *x, T *y, int64_t batch, int64_t m, int64_t n, int threads) {
    int64_t bands = (m + SIDE - 1) / SIDE;
    parallel_for(batch * bands, (1 << 16) / (n * SIDE + 1) + 1, threads, [=](int64_t begin, int64_t end) {
        for (int64_t band = begin; band < end; band++) {
            const T *from = x + band / bands * m * n;
            T *to = y + band / bands * m * n;
            int64_t top = band % bands * SIDE, bottom = std::min(top + SIDE, m);
            for (int64_t left = 0; left < n; left += SIDE)
                for (int64_t j = left; j < std::min(left + SIDE, n); j++)
                    for (int64_t i = top; i < bottom; i++) to[j * m + i] = from[i * n + j];
        }
    });
    return OK;
}

#define DEFINE(T, DTYPE)                                                                                         \
    KERNEL transpose_v2_blocks_##DTYPE(const T *x, T *y, int64_t batch, int64_t m, int64_t n, int threads) {     \
        return all(x, y, batch, m, n, threads);                                                                  \
    }
DEFINE(uint32_t, f32)
DEFINE(uint32_t, i32)
DEFINE(uint16_t, bf16)
DEFINE(uint16_t, f16)
DEFINE(uint64_t, i64)
DEFINE(uint8_t, i8)
DEFINE(uint8_t, u8)
