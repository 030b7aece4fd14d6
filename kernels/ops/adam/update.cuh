// One step of Adam or AdamW for one element, with the settings that all elements share.
#pragma once
#include "kernel.cuh"

struct Settings {
    float rate, rest1, beta2, rest2, eps, root, kept, added;

    DEVICE void read(const double *rates, bool decoupled) {
        rate = static_cast<float>(rates[0]) / static_cast<float>(rates[5]);
        rest1 = static_cast<float>(1 - rates[1]);
        beta2 = static_cast<float>(rates[2]), rest2 = static_cast<float>(1 - rates[2]);
        eps = static_cast<float>(rates[3]), root = 1 / sqrtf(static_cast<float>(rates[6]));
        kept = decoupled ? static_cast<float>(1 - rates[0] * rates[4]) : 1;
        added = decoupled ? 0 : static_cast<float>(rates[4]);
    }
    DEVICE void update(float &param, float &m, float &v, float grad) const {
        const float p = param * kept, g = grad + (added != 0 ? added * p : 0);
        m = m + (g - m) * rest1, v = beta2 * v + rest2 * (g * g);
        param = p - rate * (m / (sqrtf(v) * root + eps));
    }
};
