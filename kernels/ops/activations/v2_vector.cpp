// One loop over vectors, one object per function (functions.h), storage in any of three dtypes.
// Learned: what takes fewer than about 20 vector instructions an element waits for memory, not for arithmetic.
// tanh as one quotient of polynomials, the normal distribution as polynomials looked up by permutation, and all
// else through one exp get there: in the nearest caches gelu takes half of what PyTorch takes, gelu_tanh a fifth,
// mish a tenth. Past the caches (past.h) large arrays are written in two thirds of the time.
#include "functions.h"
#include "maps.h"

struct Both {
    vf gate, up;
};
static inline Both swiglu_slopes(vf dy, vf gate, vf up) {
    vf s = sigmoid(gate);
    vf cut = clamp(gate, -150.0f, 150.0f);
    return {dy * up * silu_slope(cut, s), dy * (gate * s)};
}

template <class T>
static int swiglu_grad(
    const T *dy, const T *gate, const T *up, T *dgate, T *dup, int64_t n, int threads) {
    auto whole = [=](int64_t i) {
        fetch_ahead(dy + i);
        fetch_ahead(gate + i);
        fetch_ahead(up + i);
        fetch_ahead(dup + i);
        Both d = swiglu_slopes(load(dy + i), load(gate + i), load(up + i));
        store(dgate + i, d.gate);
        store(dup + i, d.up);
    };
    auto some = [=](int64_t i, int count) {
        Both d = swiglu_slopes(
            load_some(dy + i, count, 0), load_some(gate + i, count, 0), load_some(up + i, count, 0));
        store_some(dgate + i, count, d.gate);
        store_some(dup + i, count, d.up);
    };
    parallel_for(n, GRAIN, threads, [=](int64_t from, int64_t to) { sweep(dgate, from, to, whole, some); });
    return OK;
}

#define ONE(NAME, F, T, DTYPE)                                                                  \
    KERNEL NAME##_v2_vector_##DTYPE(const T *x, T *y, int64_t n, int threads) {                 \
        return map(F{}, n, threads, y, x);                                                      \
    }
#define ONE_WITH(NAME, F, T, DTYPE)                                                             \
    KERNEL NAME##_v2_vector_##DTYPE(const T *x, T *y, int64_t n, double number, int threads) {  \
        return map(F{float(number)}, n, threads, y, x);                                         \
    }
#define TWO(NAME, F, T, DTYPE)                                                                  \
    KERNEL NAME##_v2_vector_##DTYPE(const T *a, const T *b, T *y, int64_t n, int threads) {     \
        return map(F{}, n, threads, y, a, b);                                                   \
    }
#define TWO_WITH(NAME, F, T, DTYPE)                                                             \
    KERNEL NAME##_v2_vector_##DTYPE(                                                            \
        const T *a, const T *b, T *y, int64_t n, double number, int threads) {                  \
        return map(F{float(number)}, n, threads, y, a, b);                                      \
    }
#define THREE_TO_TWO(NAME, F, T, DTYPE)                                                         \
    KERNEL NAME##_v2_vector_##DTYPE(                                                            \
        const T *dy, const T *gate, const T *up, T *dgate, T *dup, int64_t n, int threads) {    \
        return F(dy, gate, up, dgate, dup, n, threads);                                         \
    }
#define DEFINE(KIND, NAME, F) KIND(NAME, F, float, f32) KIND(NAME, F, bf16, bf16) KIND(NAME, F, f16, f16)

DEFINE(ONE, relu, Relu)
DEFINE(ONE_WITH, leaky_relu, LeakyRelu)
DEFINE(ONE, gelu, Gelu)
DEFINE(ONE, gelu_tanh, GeluTanh)
DEFINE(ONE, silu, Silu)
DEFINE(ONE, sigmoid, Sigmoid)
DEFINE(ONE, tanh, Tanh)
DEFINE(ONE, softplus, Softplus)
DEFINE(ONE_WITH, elu, Elu)
DEFINE(ONE, hardswish, Hardswish)
DEFINE(ONE, mish, Mish)
DEFINE(TWO, swiglu, Swiglu)

DEFINE(TWO, relu_grad, ReluGrad)
DEFINE(TWO_WITH, leaky_relu_grad, LeakyReluGrad)
DEFINE(TWO, gelu_grad, GeluGrad)
DEFINE(TWO, gelu_tanh_grad, GeluTanhGrad)
DEFINE(TWO, silu_grad, SiluGrad)
DEFINE(TWO, sigmoid_grad, SigmoidGrad)
DEFINE(TWO, tanh_grad, TanhGrad)
DEFINE(TWO, softplus_grad, SoftplusGrad)
DEFINE(TWO_WITH, elu_grad, EluGrad)
DEFINE(TWO, hardswish_grad, HardswishGrad)
DEFINE(TWO, mish_grad, MishGrad)
DEFINE(THREE_TO_TWO, swiglu_grad, swiglu_grad)
