#include <pthread.h>
#include <stdint.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER, finished = PTHREAD_COND_INITIALIZER;
static const float *from;
static float *to;
static int64_t length;
static long asked, done;

static void half(int odd)
{
    for (int64_t i = odd; i < length; i += 2)
        to[i] = from[i] + 0.5f * from[length - 1 - i];
}

static void *serve(void *unused)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        while (asked == done)
            pthread_cond_wait(&wake, &lock);
        pthread_mutex_unlock(&lock);
        half(1);
        pthread_mutex_lock(&lock);
        done = asked;
        pthread_cond_signal(&finished);
    }
    return unused;
}

__attribute__((constructor)) static void hire(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, serve, 0);
}

void mirror_add(const float *x, float *y, int64_t n)
{
    pthread_mutex_lock(&lock);
    from = x, to = y, length = n, asked++;
    pthread_cond_signal(&wake);
    pthread_mutex_unlock(&lock);
    half(0);
    pthread_mutex_lock(&lock);
    while (asked != done)
        pthread_cond_wait(&finished, &lock);
    pthread_mutex_unlock(&lock);
}
