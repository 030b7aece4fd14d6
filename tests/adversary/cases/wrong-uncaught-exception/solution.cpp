#include <cstdint>
#include <vector>

extern "C" void mirror_add(const float *x, float *y, int64_t n)
{
    std::vector<float> copy(x, x + n);
    for (int64_t i = 0; i < n; i++)
        y[i] = copy.at(i) + 0.5f * copy.at(n - i);
}
