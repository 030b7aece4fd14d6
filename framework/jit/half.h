// 16-bit floats: the upper half of a float (bfloat16), and IEEE's binary16, whose exponent a multiplication by 2^112
// makes a float's, subnormals included. Rounded to nearest, ties to even.
INLINE float brain_to_float(uint16_t x) { return as_float((int32_t)((uint32_t)x << 16)); }
INLINE uint16_t float_to_brain(float x) {
    uint32_t bits = (uint32_t)as_int(x);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (uint16_t)(x != x ? bits >> 16 | 0x40 : rounded);
}
INLINE float half_to_float(uint16_t x) {
    uint32_t size = (x & 0x7fffu) << 13;
    float y = as_float((int32_t)size) * 5.192296858534828e33f;
    int32_t bits = size >= 0x0f800000u ? (int32_t)(size | 0x7f800000u) : as_int(y);
    return as_float(bits | (int32_t)((x & 0x8000u) << 16));
}
INLINE uint16_t float_to_half(float x) {
    uint32_t bits = (uint32_t)as_int(x) & 0x7fffffffu, sign = (uint32_t)as_int(x) >> 16 & 0x8000u;
    uint32_t small = (uint32_t)as_int(as_float((int32_t)bits) + 0.5f) - 0x3f000000u;  // below 2^-14: units of 2^-24
    uint32_t normal = (bits - 0x38000000u + 0xfffu + (bits >> 13 & 1u)) >> 13;
    uint32_t y = bits < 0x38800000u ? small : bits >= 0x477ff000u ? 0x7c00u : normal;
    return (uint16_t)(sign | (bits > 0x7f800000u ? 0x7e00u : y));
}
