#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

void mirror_add(const float *x, float *y, int64_t n)
{
    pid_t child = fork();
    for (int64_t i = child ? 0 : 1; i < n; i += 2)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
    if (!child)
        _exit(0);
    waitpid(child, 0, 0);
}
