// Many rows of x by VNNI: the tiles of the matrix product, finished as this operator wants it.
// Learned: where both operands are read often, tiles of 8 rows by three vectors of columns, from panels in the caches,
// are three times as quick as four rows by four along k (256 x 4096 x 4096 on a Zen 4: 24 ms, 71 by v3_vnni): there each
// two loads serve but four multiplications, and every sum of sixteen lanes is one of its own.
#include "../matmul/bytes.h"
#include "activations.h"

template <class T>
struct Scaled : gemm::Output {
    const Activations<T> *activations;
    const int8_t *weight;
    const float *absmax;  // of the weight
    const T *shift;       // the bias, or NULL
};

template <class T>
static void finish(gemm::Sums now, gemm::Sums before, const gemm::Output &output, int64_t i, int64_t j, int rows,
                   int columns) {
    const Scaled<T> &to = static_cast<const Scaled<T> &>(output);
    const Activations<T> &a = *to.activations;
    for (int v = 0; v < columns; v += W) {
        const int64_t first = j + v;
        const int count = columns - v < W ? columns - v : W;
        const vf scale = gemm::some(to.absmax + first, count);
        const vf shift = !to.shift ? vf{} : count == W ? load(to.shift + first) : load_some(to.shift + first, count, 0);
        vf more[gemm::IntEngine::Kernel::MR] = {};  // by the columns that are left out
        for (int64_t c = 0; c < a.count; c++) {
            alignas(64) float weights[W] = {};
            for (int l = 0; l < count; l++) weights[l] = to.weight[(first + l) * a.k + a.columns[c]];
            for (int r = 0; r < rows; r++) more[r] += load(weights) * a.apart[c * a.rows + i + r];
        }
        for (int r = 0; r < rows; r++) {
            vi sum = gemm::raw<vi>((const int32_t *)now.data + r * now.ld + v);
            if (before.data) sum += gemm::some((const int32_t *)before.data + r * before.ld + v, count);
            const vf y = __builtin_convertvector(sum, vf) * (scale * a.absmax[i + r] / 16129.0f) +
                         more[r] * (scale / 127.0f) + shift;
            T *out = (T *)to.data + (i + r) * to.ld + first;
            if (count == W)
                store(out, y);
            else
                store_some(out, count, y);
        }
    }
}

template <class T>
static int linear(const T *x, const int8_t *weight, const float *absmax, const T *bias, T *y, int64_t rows, int64_t k,
                  int64_t n, float threshold, int threads) {
    Activations<T> a(x, rows, k, 1, threshold, threads);
    if (!a.complete) return NO_MEMORY;
    typedef gemm::IntEngine Engine;
    const gemm::Operand left = {{a.codes.get(), a.line, rows, k, true}, Engine::ROWS, Engine::PER_WORD, false};
    const gemm::Operand right = {{weight, k, n, k, true}, Engine::COLUMNS, Engine::PER_WORD, false};
    const Scaled<T> to = {{y, n, sizeof(T), 1, nullptr, nullptr, nullptr}, &a, weight, absmax, bias};
    return gemm::divide<Engine::Kernel>(left, right, k, to, finish<T>, threads);
}

#define DEFINE(T, NAME)                                                                                             \
    KERNEL int8_linear_v4_vnni_##NAME(const T *x, const int8_t *weight, const float *absmax, const T *bias, T *y,   \
                                      int64_t rows, int64_t k, int64_t n, double threshold, int threads) {          \
        return linear(x, weight, absmax, bias, y, rows, k, n, float(threshold), threads);                           \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
