#pragma once
#include <stdint.h>

void add_mirrored(const float *from, const float *end, float *to, int64_t n);
