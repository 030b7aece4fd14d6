#include <cstdint>
#include <future>

static void part(const float *x, float *y, int64_t from, int64_t to, int64_t n)
{
    for (int64_t i = from; i < to; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}

extern "C" void mirror_add(const float *x, float *y, int64_t n)
{
    auto other = std::async(std::launch::async, part, x, y, 0, n / 2, n);
    part(x, y, n / 2, n, n);
    other.get();
}
