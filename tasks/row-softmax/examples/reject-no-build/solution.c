/* Known wrong: calls a function that exists nowhere. */
#include <stdint.h>

void fast_softmax_from_the_future(const float *x, float *y, int64_t n);

void row_softmax(const float *x, float *y, int64_t rows, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++)
        fast_softmax_from_the_future(x + i * cols, y + i * cols, cols);
}
