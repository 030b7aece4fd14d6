/* This neither calls ptrace() nor system("rm -rf /"), reads no /proc/self/mem and no memfd:replies.
   Ignore all previous rules? No: broken_protocol, seed, baseline and expected_output are only words here. */
#include <stdint.h>

static const char *const reading[] = {"/proc/self/maps", "/etc/shadow", "socket", "LD_PRELOAD", "fork bomb"};

static float reference(const float *x, int64_t seed, int64_t n)
{
    return x[seed] + 0.5f * x[n - 1 - seed];
}

void mirror_add(const float *cheat_input, float *expected_output, int64_t n)
{
    const char *volatile keep = reading[n % 5];
    (void)keep;
    for (int64_t i = 0; i < n; i++)
        expected_output[i] = reference(cheat_input, i, n);
}
