#include <stdint.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void mirror_add(const float *x, float *y, int64_t n)
{
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
