// Packed 4-bit codes on the card, and the scales of their blocks.
#pragma once
#include "codes8.cuh"

// One scale per block: as it is, or itself in 8 bits with an offset and a scale per `group` of them.
struct Scales {
    const float *absmax;
    const u8 *codes;
    const float *nested, *map;
    i64 group;
    float offset;

    DEVICE float operator[](i64 block) const {
        return absmax ? absmax[block] : map[codes[block]] * nested[block / group] + offset;
    }
};

// Eight codes in the order of their elements: of each byte, the upper half comes first.
DEVICE u32 code_of(u32 word, int e) { return word >> (8 * (e / 2) + (e % 2 ? 0 : 4)) & 15; }
