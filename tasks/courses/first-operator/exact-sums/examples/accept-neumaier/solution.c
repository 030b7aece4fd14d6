#include <math.h>
#include <stdint.h>

void exact_sums(const float *x, float *y, int64_t rows, int64_t n)
{
    for (int64_t i = 0; i < rows; i++) {
        float sum = 0.0f, lost = 0.0f;
        for (int64_t j = 0; j < n; j++) {
            const float v = x[i * n + j], next = sum + v;
            lost += fabsf(sum) >= fabsf(v) ? (sum - next) + v : (v - next) + sum;
            sum = next;
        }
        y[i] = sum + lost;
    }
}
