// A block of 256 at a time: decoded, updated and encoded again while it is in registers and the nearest cache.
// Learned: with codes found by one look-up (codes8.h) what is left to save is the division and the root: estimates
// of 14 bits, corrected once by Newton's rule, are exact to a bit or two and take a fifth of the time.
#include "codes8.h"
#include "parallel.h"

using namespace codes8;

constexpr int BLOCK = 256;
enum rate { STEP, LR, BETA1, BETA2, EPS, DECAY, GAIN, BETA3, ALPHA };

static inline vf root(vf x) {
#if defined(__AVX512F__)
    __m512 v = (__m512)x, guess = _mm512_rsqrt14_ps(v), y = _mm512_mul_ps(v, guess);
    __m512 half = _mm512_mul_ps(guess, _mm512_set1_ps(0.5f));
    y = _mm512_fmadd_ps(_mm512_fnmadd_ps(y, y, v), half, y);
    // Of 0, of what is too small for its reciprocal root, and of infinity there is no estimate to correct.
    __mmask16 plain = _mm512_cmp_ps_mask(v, _mm512_set1_ps(1e-37f), _CMP_GE_OQ) &
                      _mm512_cmp_ps_mask(v, _mm512_set1_ps(1e38f), _CMP_LE_OQ);
    return (vf)(plain == 0xffff ? y : _mm512_mask_mov_ps(_mm512_sqrt_ps(v), plain, y));
#elif defined(__AVX2__)
    return (vf)_mm256_sqrt_ps((__m256)x);
#else
    return (vf)_mm_sqrt_ps((__m128)x);
#endif
}

static inline vf quotient(vf x, vf by) {
#if defined(__AVX512F__)
    __m512 d = (__m512)by, guess = _mm512_rcp14_ps(d), n = (__m512)x;
    __m512 y = _mm512_mul_ps(n, guess);
    y = _mm512_fmadd_ps(_mm512_fnmadd_ps(y, d, n), guess, y);
    __mmask16 plain = _mm512_cmp_ps_mask(d, _mm512_set1_ps(1e-37f), _CMP_GE_OQ) &
                      _mm512_cmp_ps_mask(d, _mm512_set1_ps(1e37f), _CMP_LE_OQ);
    return (vf)(plain == 0xffff ? y : _mm512_mask_mov_ps(_mm512_div_ps(n, d), plain, y));
#else
    return x / by;
#endif
}

// One average of a tensor.
struct State {
    uint8_t *codes;
    float *absmax;
    const Map *map;
};

// A block of one average, decoded, and the largest magnitude of what it becomes.
struct Part {
    const State &state;
    int64_t block;
    float scale;
    alignas(64) float next[BLOCK];
    vi top = vi{};

    Part(const State &state, int64_t block) : state(state), block(block), scale(state.absmax[block]) {}

    vf old(int64_t i, int count) const {
        const uint8_t *p = state.codes + block * BLOCK + i;
        if (count == W) return decode(*state.map, load_codes(p)) * scale;
        uint8_t some[W] = {};
        memcpy(some, p, size_t(count));
        return decode(*state.map, load_codes(some)) * scale;
    }
    void put(int64_t i, int count, vf x) {
        if (count < W)
            for (int j = count; j < W; j++) x[j] = 0;
        store(next + i, x);
        vi u = bits<vi>(x) & 0x7fffffff;
        top = u > top ? u : top;
    }
    void finish(int64_t count) {
        int32_t largest = 0;
        for (int j = 0; j < W; j++) largest = top[j] > largest ? top[j] : largest;
        float absmax = bits<float>(largest);
        state.absmax[block] = absmax;
        encode(*state.map, next, count, absmax, state.codes + block * BLOCK);
    }
};

// body(block, i, count) for W elements at a time; begin and end are called for each block.
template <class Block>
static void over_blocks(int64_t n, int64_t blocks, int threads, Block block) {
    parallel_for(blocks, 64, threads, [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; b++) block(b, n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK);
    });
}

template <class T>
static inline vf read(const T *p, int count) {
    return count == W ? load(p) : load_some(p, count, 0);
}
template <class T>
static inline void write(T *p, int count, vf x) {
    if (count == W)
        store(p, x);
    else
        store_some(p, count, x);
}

template <class T>
static int adamw(T *p, const T *g, State first, State second, const double *rates, int64_t n, int64_t blocks,
                 int threads) {
    const double beta1 = rates[BETA1], beta2 = rates[BETA2], bias = std::sqrt(1 - std::pow(beta2, rates[STEP]));
    const float rate = float(rates[LR] * bias / (1 - std::pow(beta1, rates[STEP]))), floor = float(rates[EPS] * bias);
    const float b1 = float(beta1), rest1 = float(1 - beta1), b2 = float(beta2), rest2 = float(1 - beta2);
    const float keep = float(1 - rates[LR] * rates[DECAY]), gain = float(rates[GAIN]);
    over_blocks(n, blocks, threads, [&](int64_t block, int64_t length) {
        Part m(first, block), v(second, block);
        for (int64_t i = 0; i < length; i += W) {
            int count = length - i < W ? int(length - i) : W;
            T *target = p + block * BLOCK + i;
            vf grad = read(g + block * BLOCK + i, count) * gain, x = read(target, count);
            vi finite = abs(grad) <= std::numeric_limits<float>::max();
            vf m1 = m.old(i, count) * b1 + grad * rest1, v1 = v.old(i, count) * b2 + grad * grad * rest2;
            vf next = x * keep - quotient(m1, root(v1) + floor) * rate;
            m.put(i, count, finite ? m1 : vf{});
            v.put(i, count, finite ? v1 : vf{});
            write(target, count, finite ? next : x);
        }
        m.finish(length);
        v.finish(length);
    });
    return OK;
}

template <class T>
static int ademamix(T *p, const T *g, State first, State slow, State second, const double *rates, int64_t n,
                    int64_t blocks, int threads) {
    const double beta1 = rates[BETA1], beta2 = rates[BETA2], beta3 = rates[BETA3];
    const float once = float(1 / (1 - std::pow(beta1, rates[STEP])));
    const float bias = float(1 / std::sqrt(1 - std::pow(beta2, rates[STEP])));
    const float b1 = float(beta1), b2 = float(beta2), b3 = float(beta3), floor = float(rates[EPS]);
    const float rest1 = float(1 - beta1), rest2 = float(1 - beta2), rest3 = float(1 - beta3);
    const float keep = float(1 - rates[LR] * rates[DECAY]), gain = float(rates[GAIN]);
    const float rate = float(rates[LR]), mix = float(rates[ALPHA]);
    over_blocks(n, blocks, threads, [&](int64_t block, int64_t length) {
        Part m(first, block), l(slow, block), v(second, block);
        for (int64_t i = 0; i < length; i += W) {
            int count = length - i < W ? int(length - i) : W;
            T *target = p + block * BLOCK + i;
            vf grad = read(g + block * BLOCK + i, count) * gain, x = read(target, count);
            vf m1 = m.old(i, count) * b1 + grad * rest1, l1 = l.old(i, count) * b3 + grad * rest3;
            vf v1 = v.old(i, count) * b2 + grad * grad * rest2;
            m.put(i, count, m1);
            l.put(i, count, l1);
            v.put(i, count, v1);
            write(target, count, x * keep - quotient(m1 * once + l1 * mix, root(v1) * bias + floor) * rate);
        }
        m.finish(length);
        l.finish(length);
        v.finish(length);
    });
    return OK;
}

struct Numbers {
    bool first;
    float rate, b1, rest1, b2, rest2, floor, decay, gain;
};

static Numbers numbers(const double *rates) {
    return {rates[STEP] == 1,        float(rates[LR]),        float(rates[BETA1]), float(1 - rates[BETA1]),
            float(rates[BETA2]),     float(1 - rates[BETA2]), float(rates[EPS]),   float(rates[DECAY]),
            float(rates[GAIN])};
}

struct Momentum {
    static vf apply(const Numbers &c, vf grad, vf &s, vf x) {
        grad += x * c.decay;
        s = c.first ? grad : s * c.b1 + grad;
        return x - s * c.rate;
    }
};
struct Lion {
    static vf apply(const Numbers &c, vf grad, vf &s, vf x) {
        vf way = s * c.b1 + grad * c.rest1;
        vf sign = way > 0 ? splat(1) : way < 0 ? splat(-1) : way;
        s = s * c.b2 + grad * c.rest2;
        return x * (1 - c.rate * c.decay) - sign * c.rate;
    }
};
struct RmsProp {
    static vf apply(const Numbers &c, vf grad, vf &s, vf x) {
        grad += x * c.decay;
        s = s * c.b1 + grad * grad * c.rest1;
        return x - quotient(grad, root(s) + c.floor) * c.rate;
    }
};
struct Adagrad {
    static vf apply(const Numbers &c, vf grad, vf &s, vf x) {
        grad += x * c.decay;
        s += grad * grad;
        return x - quotient(grad, root(s) + c.floor) * c.rate;
    }
};

template <class Rule, class T>
static int one_state(T *p, const T *g, State state, int64_t n, int64_t blocks, const Numbers &c, int threads) {
    over_blocks(n, blocks, threads, [&](int64_t block, int64_t length) {
        Part part(state, block);
        for (int64_t i = 0; i < length; i += W) {
            int count = length - i < W ? int(length - i) : W;
            T *target = p + block * BLOCK + i;
            vf s = part.old(i, count);
            vf x = Rule::apply(c, read(g + block * BLOCK + i, count) * c.gain, s, read(target, count));
            part.put(i, count, s);
            write(target, count, x);
        }
        part.finish(length);
    });
    return OK;
}

#define ONE_STATE(RULE, OP, T, NAME)                                                                                   \
    KERNEL OP##_8bit_v2_blocks_##NAME(T *p, const T *g, uint8_t *codes, float *absmax, const float *values,            \
                                      const double *rates, int64_t n, int64_t blocks, int threads) {                   \
        return one_state<RULE>(p, g, State{codes, absmax, &ready(0, values)}, n, blocks, numbers(rates), threads);     \
    }

#define DEFINE(T, NAME)                                                                                               \
    KERNEL adamw_8bit_v2_blocks_##NAME(T *p, const T *g, uint8_t *codes1, float *absmax1, const float *values1,       \
                                       uint8_t *codes2, float *absmax2, const float *values2, const double *rates,    \
                                       int64_t n, int64_t blocks, int threads) {                                      \
        State first{codes1, absmax1, &ready(0, values1)}, second{codes2, absmax2, &ready(1, values2)};                \
        return adamw(p, g, first, second, rates, n, blocks, threads);                                                 \
    }                                                                                                                 \
    KERNEL ademamix_8bit_v2_blocks_##NAME(T *p, const T *g, uint8_t *codes1, float *absmax1, uint8_t *codes3,         \
                                          float *absmax3, const float *values1, uint8_t *codes2, float *absmax2,      \
                                          const float *values2, const double *rates, int64_t n, int64_t blocks,       \
                                          int threads) {                                                              \
        const Map *map = &ready(0, values1);                                                                          \
        State first{codes1, absmax1, map}, slow{codes3, absmax3, map}, second{codes2, absmax2, &ready(1, values2)};   \
        return ademamix(p, g, first, slow, second, rates, n, blocks, threads);                                        \
    }                                                                                                                 \
    ONE_STATE(Momentum, momentum, T, NAME)                                                                            \
    ONE_STATE(Lion, lion, T, NAME)                                                                                    \
    ONE_STATE(RmsProp, rmsprop, T, NAME)                                                                              \
    ONE_STATE(Adagrad, adagrad, T, NAME)
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
