// One thread to a number of the result: it works out every logit of its row again.
// Learned: right, and a measure for the rest: all threads of a row read all its keys. Sums are in double, since a float
// loses digits over thousands of keys.
#include "decode.cuh"

template <class T>
DEVICE void decode(const Cache<T> &z, T *out, float *lse) {
    const i64 columns = z.e ? z.e : 1, rows = z.rows(), step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < z.b * z.hq * z.n * columns; i += step) {
        const i64 row = i / columns, ib = row / (z.hq * z.n), ik = row / rows % z.hk;
        float top = -INF;
        double total = 0, sum = 0;
        for (i64 j = 0; j < z.limit(ib, row); j++) {
            const i64 place = z.place(ib, ik, j);
            if (place < 0) continue;
            float s = 0;
            for (i64 t = 0; t < z.d; t++) s += widen(z.q[row * z.d + t]) * widen(z.k[place * z.d + t]);
            s *= z.scale;
            const float larger = fmaxf(s, top), reference = larger == -INF ? 0 : larger;
            const float p = expf(s - reference), factor = expf(top - reference);
            total = total * factor + p;
            if (z.e) sum = sum * factor + p * widen(z.v[place * z.e + i % columns]);
            top = larger;
        }
        if (z.e) out[i] = narrow<T>(total == 0 ? 0 : static_cast<float>(sum / total));
        if (lse && i % columns == 0) lse[row] = total == 0 ? -INF : top + logf(static_cast<float>(total));
    }
}

#define NOTHING
DECODE(KERNEL(256), float, v1_naive_f32, NOTHING, decode(z, out, lse))
DECODE(KERNEL(256), bf16, v1_naive_bf16, NOTHING, decode(z, out, lse))
DECODE(KERNEL(256), f16, v1_naive_f16, NOTHING, decode(z, out, lse))
