#include <cstdint>
#include <stdexcept>
#include <vector>

static float mirrored(const std::vector<float> &x, int64_t i)
{
    return x.at(x.size() - 1 - i);
}

extern "C" void mirror_add(const float *x, float *y, int64_t n)
{
    try {
        std::vector<float> copy(x, x + n);
        for (int64_t i = 0;; i++)
            y[i] = (i < n ? x[i] : throw std::out_of_range("done")) + 0.5f * mirrored(copy, i);
    } catch (const std::out_of_range &) {
    }
}
