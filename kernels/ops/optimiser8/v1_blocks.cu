// A block of 256 threads to a block of 256 elements: decoded, updated, and encoded again with the largest magnitude
// that its threads agree on. Maps stay in shared memory for all the blocks that one of the card's works on.
// Learned: what depends on the step alone is worked out once, by one thread.
#include "codes8.cuh"
#include "reduce.cuh"

enum rate { STEP, LR, BETA1, BETA2, EPS, DECAY, GAIN, BETA3, ALPHA };

struct Largest {
    DEVICE u32 operator()(u32 a, u32 b) const { return a > b ? a : b; }
};

// One average of a tensor.
struct State {
    u8 *codes;
    float *absmax;
    const Map &map;

    DEVICE float old(i64 block, i64 i, bool there) const { return there ? map.values[codes[i]] * absmax[block] : 0; }
    // By all threads of the block, after all have read the old scale.
    DEVICE void put(i64 block, i64 i, bool there, float x) const {
        const u32 top = group_all(there ? magnitude(x) : 0u, Largest(), 0u);
        const float scale = __uint_as_float(top);
        if (threadIdx.x == 0) absmax[block] = scale;
        if (there) codes[i] = static_cast<u8>(search(map, x * reciprocal(scale)));
    }
};

// f(block, element, whether it is there) for the blocks of this block of threads.
template <class F>
DEVICE void over_blocks(i64 n, i64 blocks, F f) {
    for (i64 block = blockIdx.x; block < blocks; block += gridDim.x) {
        const i64 i = block * 256 + threadIdx.x;
        f(block, i, i < n);
    }
}

template <class T>
DEVICE void adamw(T *p, const T *g, u8 *codes1, float *absmax1, const float *values1, u8 *codes2, float *absmax2,
                  const float *values2, const double *rates, i64 n, i64 blocks) {
    __shared__ Map map1, map2;
    __shared__ float rate, floor;
    fill(map1, values1);
    fill(map2, values2);
    if (threadIdx.x == 0) {
        const double bias = sqrt(1 - pow(rates[BETA2], rates[STEP]));
        rate = static_cast<float>(rates[LR] * bias / (1 - pow(rates[BETA1], rates[STEP])));
        floor = static_cast<float>(rates[EPS] * bias);
    }
    __syncthreads();
    const float b1 = static_cast<float>(rates[BETA1]), rest1 = static_cast<float>(1 - rates[BETA1]);
    const float b2 = static_cast<float>(rates[BETA2]), rest2 = static_cast<float>(1 - rates[BETA2]);
    const float keep = static_cast<float>(1 - rates[LR] * rates[DECAY]), gain = static_cast<float>(rates[GAIN]);
    const State first{codes1, absmax1, map1}, second{codes2, absmax2, map2};
    over_blocks(n, blocks, [&](i64 block, i64 i, bool there) {
        float m = first.old(block, i, there), v = second.old(block, i, there);
        const float grad = there ? widen(g[i]) * gain : 0;
        const bool finite = magnitude(grad) < 0x7f800000u;
        m = finite ? b1 * m + rest1 * grad : 0;
        v = finite ? b2 * v + rest2 * grad * grad : 0;
        if (there && finite) p[i] = narrow<T>(widen(p[i]) * keep - rate * (m / (sqrtf(v) + floor)));
        first.put(block, i, there, m);
        second.put(block, i, there, v);
    });
}

template <class T>
DEVICE void ademamix(T *p, const T *g, u8 *codes1, float *absmax1, u8 *codes3, float *absmax3, const float *values1,
                     u8 *codes2, float *absmax2, const float *values2, const double *rates, i64 n, i64 blocks) {
    __shared__ Map map1, map2;
    __shared__ float once, bias;
    fill(map1, values1);
    fill(map2, values2);
    if (threadIdx.x == 0) {
        once = static_cast<float>(1 / (1 - pow(rates[BETA1], rates[STEP])));
        bias = static_cast<float>(1 / sqrt(1 - pow(rates[BETA2], rates[STEP])));
    }
    __syncthreads();
    const float b1 = static_cast<float>(rates[BETA1]), rest1 = static_cast<float>(1 - rates[BETA1]);
    const float b2 = static_cast<float>(rates[BETA2]), rest2 = static_cast<float>(1 - rates[BETA2]);
    const float b3 = static_cast<float>(rates[BETA3]), rest3 = static_cast<float>(1 - rates[BETA3]);
    const float keep = static_cast<float>(1 - rates[LR] * rates[DECAY]), gain = static_cast<float>(rates[GAIN]);
    const float rate = static_cast<float>(rates[LR]), mix = static_cast<float>(rates[ALPHA]);
    const float floor = static_cast<float>(rates[EPS]);
    const State fast{codes1, absmax1, map1}, slow{codes3, absmax3, map1}, second{codes2, absmax2, map2};
    over_blocks(n, blocks, [&](i64 block, i64 i, bool there) {
        const float grad = there ? widen(g[i]) * gain : 0;
        const float m = b1 * fast.old(block, i, there) + rest1 * grad;
        const float l = b3 * slow.old(block, i, there) + rest3 * grad;
        const float v = b2 * second.old(block, i, there) + rest2 * grad * grad;
        if (there) p[i] = narrow<T>(widen(p[i]) * keep - rate * ((m * once + mix * l) / (sqrtf(v) * bias + floor)));
        fast.put(block, i, there, m);
        slow.put(block, i, there, l);
        second.put(block, i, there, v);
    });
}

struct Numbers {
    bool first;
    float rate, b1, rest1, b2, rest2, floor, decay, gain;
};

struct Momentum {
    DEVICE static float apply(const Numbers &c, float grad, float &s, float x) {
        grad += x * c.decay;
        s = c.first ? grad : s * c.b1 + grad;
        return x - s * c.rate;
    }
};
struct Lion {
    DEVICE static float apply(const Numbers &c, float grad, float &s, float x) {
        const float way = s * c.b1 + grad * c.rest1, sign = way > 0 ? 1.0f : way < 0 ? -1.0f : way;
        s = s * c.b2 + grad * c.rest2;
        return x * (1 - c.rate * c.decay) - sign * c.rate;
    }
};
struct RmsProp {
    DEVICE static float apply(const Numbers &c, float grad, float &s, float x) {
        grad += x * c.decay;
        s = s * c.b1 + grad * grad * c.rest1;
        return x - grad / (sqrtf(s) + c.floor) * c.rate;
    }
};
struct Adagrad {
    DEVICE static float apply(const Numbers &c, float grad, float &s, float x) {
        grad += x * c.decay;
        s += grad * grad;
        return x - grad / (sqrtf(s) + c.floor) * c.rate;
    }
};

template <class Rule, class T>
DEVICE void one_state(T *p, const T *g, u8 *codes, float *absmax, const float *values, const double *rates, i64 n,
                      i64 blocks) {
    __shared__ Map map;
    fill(map, values);
    __syncthreads();
    const Numbers c{rates[STEP] == 1,
                    static_cast<float>(rates[LR]),
                    static_cast<float>(rates[BETA1]),
                    static_cast<float>(1 - rates[BETA1]),
                    static_cast<float>(rates[BETA2]),
                    static_cast<float>(1 - rates[BETA2]),
                    static_cast<float>(rates[EPS]),
                    static_cast<float>(rates[DECAY]),
                    static_cast<float>(rates[GAIN])};
    const State state{codes, absmax, map};
    over_blocks(n, blocks, [&](i64 block, i64 i, bool there) {
        float s = state.old(block, i, there);
        if (there) p[i] = narrow<T>(Rule::apply(c, widen(g[i]) * c.gain, s, widen(p[i])));
        state.put(block, i, there, s);
    });
}

#define ONE_STATE(RULE, OP, T, NAME)                                                                               \
    KERNEL(256) OP##_8bit_v1_blocks_##NAME(T *p, const T *g, u8 *codes1, float *absmax1, const float *values1,     \
                                           const double *rates, i64 n, i64 blocks) {                               \
        one_state<RULE>(p, g, codes1, absmax1, values1, rates, n, blocks);                                         \
    }
#define DEFINE(T, NAME)                                                                                            \
    KERNEL(256) adamw_8bit_v1_blocks_##NAME(T *p, const T *g, u8 *codes1, float *absmax1, const float *values1,    \
                                            u8 *codes2, float *absmax2, const float *values2, const double *rates, \
                                            i64 n, i64 blocks) {                                                   \
        adamw(p, g, codes1, absmax1, values1, codes2, absmax2, values2, rates, n, blocks);                         \
    }                                                                                                              \
    KERNEL(256) ademamix_8bit_v1_blocks_##NAME(T *p, const T *g, u8 *codes1, float *absmax1, u8 *codes3,           \
                                               float *absmax3, const float *values1, u8 *codes2, float *absmax2,   \
                                               const float *values2, const double *rates, i64 n, i64 blocks) {     \
        ademamix(p, g, codes1, absmax1, codes3, absmax3, values1, codes2, absmax2, values2, rates, n, blocks);     \
    }                                                                                                              \
    ONE_STATE(Momentum, momentum, T, NAME)                                                                         \
    ONE_STATE(Lion, lion, T, NAME)                                                                                 \
    ONE_STATE(RmsProp, rmsprop, T, NAME)                                                                           \
    ONE_STATE(Adagrad, adagrad, T, NAME)
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
