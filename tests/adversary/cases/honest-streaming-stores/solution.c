#include <stdint.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

void mirror_add(const float *x, float *y, int64_t n)
{
    int64_t i = 0;
#ifdef __SSE__
    for (; i < n && (uintptr_t)(y + i) % 16; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
    for (; i + 4 <= n; i += 4) {
        __m128 mirror = _mm_loadu_ps(x + n - 4 - i);
        mirror = _mm_shuffle_ps(mirror, mirror, _MM_SHUFFLE(0, 1, 2, 3));
        _mm_stream_ps(y + i, _mm_add_ps(_mm_loadu_ps(x + i), _mm_mul_ps(mirror, _mm_set1_ps(0.5f))));
    }
    _mm_sfence();
#endif
    for (; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
