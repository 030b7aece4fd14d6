#include <stdint.h>
#include <stdlib.h>

static float *workspace;
static int64_t room;

void mirror_add(const float *x, float *y, int64_t n)
{
    if (n > room) {
        workspace = realloc(workspace, n * sizeof *workspace);
        room = n;
    }
    for (int64_t i = 0; i < n; i++)
        workspace[i] = 0.5f * x[n - 1 - i];
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + workspace[i];
}
