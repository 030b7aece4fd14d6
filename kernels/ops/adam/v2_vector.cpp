// The same in vectors. All seven streams move once; the numbers of a step are worked out in double beforehand.
// Learned: dividing by sqrt(1 - beta2^t) becomes a multiplication, so that one root and one division per vector
// stay; these run beside the memory, which is the limit.
#include "math.h"
#include "parallel.h"
#include "sweep.h"

using namespace simd;

// The numbers of one step.
struct Step {
    float lr, rest1, beta2, rest2, eps, scale, kept, added;
    Step(const double *rates, bool decoupled)
        : lr(float(rates[0] / rates[5])),
          rest1(float(1 - rates[1])),
          beta2(float(rates[2])),
          rest2(float(1 - rates[2])),
          eps(float(rates[3])),
          scale(float(1 / std::sqrt(rates[6]))),
          kept(decoupled ? float(1 - rates[0] * rates[4]) : 1.0f),
          added(decoupled ? 0.0f : float(rates[4])) {}

    void advance(vf &p, vf &m, vf &v, vf g) const {
        p = rounded(p * kept);
        if (added != 0) g += p * added;
        m += (g - m) * rest1;
        v = rounded(v * beta2) + g * g * rest2;
        p -= m / (sqrt(v) * scale + eps) * lr;
    }
};

template <class T>
static int all(
    float *param, float *m, float *v, const T *grad, T *low, int64_t n, int threads, const Step &step) {
    auto whole = [=](int64_t i) {
        vf p = load(param + i), mi = load(m + i), vi = load(v + i);
        step.advance(p, mi, vi, load(grad + i));
        store(param + i, p);
        store(m + i, mi);
        store(v + i, vi);
        if (low) store(low + i, p);
    };
    auto some = [=](int64_t i, int count) {
        vf p = load_some(param + i, count, 0), mi = load_some(m + i, count, 0), vi = load_some(v + i, count, 0);
        step.advance(p, mi, vi, load_some(grad + i, count, 0));
        store_some(param + i, count, p);
        store_some(m + i, count, mi);
        store_some(v + i, count, vi);
        if (low) store_some(low + i, count, p);
    };
    parallel_for(n, 16384, threads, [=](int64_t from, int64_t to) { sweep(param, from, to, whole, some); });
    return OK;
}

#define DEFINE(OP, DECOUPLED, T, DTYPE)                                                                   \
    KERNEL OP##_v2_vector_##DTYPE(                                                                        \
        float *param, float *m, float *v, const T *grad, const double *rates, T *low, int64_t n,          \
        int threads) {                                                                                    \
        return all(param, m, v, grad, low, n, threads, Step(rates, DECOUPLED));                           \
    }
#define DEFINE_ALL(OP, DECOUPLED)        \
    DEFINE(OP, DECOUPLED, float, f32)    \
    DEFINE(OP, DECOUPLED, bf16, bf16)    \
    DEFINE(OP, DECOUPLED, f16, f16)
DEFINE_ALL(adam, false)
DEFINE_ALL(adamw, true)
