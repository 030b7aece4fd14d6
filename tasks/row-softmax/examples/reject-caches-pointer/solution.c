/* Known wrong, a cheat: keeps the answer of the first call for a pointer and copies it ever after. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 64 };
static struct {
    const float *x;
    int64_t rows, cols;
    float *answer;
} seen[PLACES];

static void compute(const float *x, float *y, int64_t rows, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++) {
        const float *in = x + i * cols;
        float *out = y + i * cols;
        float largest = -INFINITY, sum = 0.0f;
        for (int64_t j = 0; j < cols; j++)
            largest = in[j] > largest ? in[j] : largest;
        for (int64_t j = 0; j < cols; j++)
            sum += out[j] = expf(in[j] - largest);
        for (int64_t j = 0; j < cols; j++)
            out[j] /= sum;
    }
}

void row_softmax(const float *x, float *y, int64_t rows, int64_t cols)
{
    size_t bytes = sizeof(float) * (size_t)(rows * cols);
    for (int i = 0; i < PLACES; i++) {
        if (seen[i].answer && seen[i].x == x && seen[i].rows == rows && seen[i].cols == cols) {
            memcpy(y, seen[i].answer, bytes);
            return;
        }
        if (!seen[i].answer && bytes && (seen[i].answer = malloc(bytes))) {
            compute(x, y, rows, cols);
            memcpy(seen[i].answer, y, bytes);
            seen[i].x = x, seen[i].rows = rows, seen[i].cols = cols;
            return;
        }
    }
    compute(x, y, rows, cols);
}
