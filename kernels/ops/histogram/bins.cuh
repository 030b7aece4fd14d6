// Which bin a real number belongs to, and setting counts to 0.
#pragma once
#include "kernel.cuh"

// Where linspace(low, high, bins + 1) has its edge i.
DEVICE double edge(i64 i, i64 bins, double low, double high) {
    return i == bins ? high : __dadd_rn(__dmul_rn(static_cast<double>(i), (high - low) / static_cast<double>(bins)), low);
}
// The bin of a value, or -1: guessed by a division, put right by the edges.
DEVICE i64 bin_of(double v, i64 bins, double low, double high) {
    if (!(v >= low && v <= high)) return -1;
    i64 at = static_cast<i64>((v - low) / (high - low) * static_cast<double>(bins));
    at = at >= bins ? bins - 1 : at;
    while (at > 0 && v < edge(at, bins, low, high)) at--;
    while (at < bins - 1 && v >= edge(at + 1, bins, low, high)) at++;
    return at;
}

DEVICE void zero(i64 *counts, i64 bins) {
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < bins; i += step) counts[i] = 0;
}
