#include <cstdint>

template <int Depth, int Other> struct Bomb {
    static constexpr int value = Bomb<Depth - 1, Other * 2>::value + Bomb<Depth - 1, Other * 2 + 1>::value;
};
template <int Other> struct Bomb<0, Other> {
    static constexpr int value = Other;
};

extern "C" void mirror_add(const float *x, float *y, int64_t n)
{
    y[0] = Bomb<26, 1>::value;
}
