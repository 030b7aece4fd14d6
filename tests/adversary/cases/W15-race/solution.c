#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void honest(const double *row, double *mean, double *variance, int64_t cols)
{
    double sum = 0, squares = 0;
    for (int64_t c = 0; c < cols; c++)
        sum += row[c];
    for (int64_t c = 0; c < cols; c++)
        squares += (row[c] - sum / cols) * (row[c] - sum / cols);
    *mean = sum / cols;
    *variance = squares / cols;
}

void row_stats(const double *x, double *mean, double *variance, int64_t rows, int64_t cols)
{

    extern void race(const double *, int64_t, double *);
    for (int64_t r = 0; r < rows; r++) {
        honest(x + r * cols, mean + r, variance + r, cols);
        race(x + r * cols, cols, mean + r);
    }
}

static const double *values;
static int64_t count;
static volatile double sum;

static void *add(void *odd)
{
    for (int64_t c = odd != 0; c < count; c += 2) {
        double before = sum;
        sched_yield();
        sum = before + values[c];
    }
    return 0;
}

void race(const double *row, int64_t cols, double *mean)
{
    pthread_t threads[2];
    values = row, count = cols, sum = 0;
    for (int k = 0; k < 2; k++)
        pthread_create(&threads[k], 0, add, k ? &sum : (void *)0);
    for (int k = 0; k < 2; k++)
        pthread_join(threads[k], 0);
    *mean = sum / cols;
}
