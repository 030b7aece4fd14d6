/* bf16-matmul, faster: b is widened and packed once into panels of 32 columns, then tiles of 6 x 32 results stay
 * in registers while k runs. One thread, no intrinsics: the compiler makes vectors of the inner loop. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 6, COLS = 32 };

static inline float widen(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Columns j … j + 31 of b as float32; zeros beyond the last. */
static void pack(const uint16_t *b, float *panel, int64_t j, int64_t n, int64_t k)
{
    int64_t width = n - j < COLS ? n - j : COLS;
    for (int64_t p = 0; p < k; p++)
        for (int64_t x = 0; x < COLS; x++)
            panel[p * COLS + x] = x < width ? widen(b[p * n + j + x]) : 0.0f;
}

static void tile(const uint16_t *a, const float *panel, float *c, int64_t rows, int64_t width, int64_t n, int64_t k)
{
    float sums[ROWS][COLS] = {{0}};
    for (int64_t p = 0; p < k; p++, panel += COLS)
        for (int r = 0; r < ROWS; r++) {
            float factor = widen(a[(r < rows ? r : 0) * k + p]);
#pragma omp simd
            for (int x = 0; x < COLS; x++)
                sums[r][x] += factor * panel[x];
        }
    for (int64_t r = 0; r < rows; r++)
        memcpy(c + r * n, sums[r], sizeof(float) * (size_t)width);
}

void bf16_matmul(const uint16_t *a, const uint16_t *b, float *c, int64_t m, int64_t n, int64_t k)
{
    float *panel = malloc(sizeof(float) * COLS * (size_t)(k ? k : 1));
    if (!panel)
        abort();
    for (int64_t j = 0; j < n; j += COLS) {
        int64_t width = n - j < COLS ? n - j : COLS;
        pack(b, panel, j, n, k);
        for (int64_t i = 0; i < m; i += ROWS)
            tile(a + i * k, panel, c + i * n + j, m - i < ROWS ? m - i : ROWS, width, n, k);
    }
    free(panel);
}
