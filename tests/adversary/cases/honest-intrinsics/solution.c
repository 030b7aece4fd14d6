#include <stdint.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

void mirror_add(const float *x, float *y, int64_t n)
{
    int64_t i = 0;
#ifdef __AVX2__
    const __m256i reversed = _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    for (; i + 8 <= n; i += 8) {
        __m256 mirror = _mm256_permutevar8x32_ps(_mm256_loadu_ps(x + n - 8 - i), reversed);
        _mm256_storeu_ps(y + i, _mm256_add_ps(_mm256_loadu_ps(x + i), _mm256_mul_ps(mirror, _mm256_set1_ps(0.5f))));
    }
#endif
    for (; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
