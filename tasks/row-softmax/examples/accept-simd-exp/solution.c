/* row-softmax, fast: an exp that the compiler can turn into vector code, one divide per row.
 *
 * Single-threaded, no intrinsics: `#pragma omp simd` lets GCC use whatever the machine has.
 */
#include <math.h>
#include <stdint.h>

#include "vector_exp.h"

static float row_max(const float *in, int64_t cols)
{
    float largest = -INFINITY;
#pragma omp simd reduction(max : largest)
    for (int64_t j = 0; j < cols; j++)
        largest = in[j] > largest ? in[j] : largest;
    return largest;
}

static float exp_row(const float *restrict in, float *restrict out, int64_t cols, float largest)
{
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < cols; j++) {
        float e = vector_exp(in[j] - largest);
        out[j] = e;
        sum += e;
    }
    return sum;
}

void row_softmax(const float *restrict x, float *restrict y, int64_t rows, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++) {
        const float *in = x + i * cols;
        float *out = y + i * cols;
        float scale = 1.0f / exp_row(in, out, cols, row_max(in, cols));
#pragma omp simd
        for (int64_t j = 0; j < cols; j++)
            out[j] *= scale;
    }
}
