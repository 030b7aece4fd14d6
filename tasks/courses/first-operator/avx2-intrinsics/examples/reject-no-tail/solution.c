#include <immintrin.h>
#include <stdint.h>

void row_dots(const float *a, const float *b, float *y, int64_t rows, int64_t n)
{
    for (int64_t i = 0; i < rows; i++) {
        __m256 sums = _mm256_setzero_ps();
        for (int64_t j = 0; j + 8 <= n; j += 8)
            sums = _mm256_fmadd_ps(_mm256_loadu_ps(a + i * n + j), _mm256_loadu_ps(b + i * n + j), sums);
        float parts[8];
        _mm256_storeu_ps(parts, sums);
        y[i] = parts[0] + parts[1] + parts[2] + parts[3] + parts[4] + parts[5] + parts[6] + parts[7];
    }
}
