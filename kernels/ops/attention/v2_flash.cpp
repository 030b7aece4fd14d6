// Flash attention in float32 registers: tiles of 128 keys, turned once per 480 rows of queries, so that both products
// are of one form: broadcast a number of the left matrix, multiply a vector of the right one.
// Learned: an online softmax makes the matrix of logits 12 KB that never leave the nearest cache; with six rows and
// four vectors of sums in registers, loads are fewer than multiplications; the scale and log2(e) cost nothing inside
// the multiply-add before 2^x; the row's sum is added up across lanes once, at the end.
#include <type_traits>

#include "flash.h"

using namespace flash;

template <class T>
struct Vectors {
    static constexpr int64_t KEYS = 128, ROWS = 24, STEP = W;
    static constexpr int DEGREE = 6;

    float *keys, *values, *grid, *queries;  // keys: [d][KEYS]; values: [KEYS][ld]; grid: [ROWS][KEYS]
    const float *q = nullptr;
    int64_t d, e, ld;

    static int64_t bytes(const Call<T> &z, int64_t rows) {
        int64_t copied = std::is_same<T, float>::value ? 0 : rows * z.d;
        return ((z.d + round_up(z.e, W)) * KEYS + ROWS * KEYS + copied) * int64_t(sizeof(float));
    }
    Vectors(const Call<T> &z, char *memory, int64_t) : d(z.d), e(z.e), ld(round_up(z.e, W)) {
        grid = reinterpret_cast<float *>(memory);
        keys = grid + ROWS * KEYS;
        values = keys + d * KEYS;
        queries = values + ld * KEYS;
    }
    void open(const Call<T> &z, int64_t row, int64_t rows) {
        const T *from = z.q + row * d;
        if constexpr (std::is_same<T, float>::value) {
            q = from;
        } else {
            int64_t n = rows * d, t = 0;
            for (; t + W <= n; t += W) store(queries + t, load(from + t));
            for (; t < n; t++) queries[t] = widen(from[t]);
            q = queries;
        }
    }
    bool pack(const Call<T> &z, int64_t key, const uint8_t *there, int64_t n) {
        turn(z.k + key * d, there, n, d, keys, KEYS);
        return widen_rows(z.v + key * e, there, n, e, values, ld);
    }
    float *logits(int64_t r) { return grid + r * KEYS; }
    float *weights(int64_t r) { return grid + r * KEYS; }
    void multiply(int64_t i, int64_t rows, int64_t cols) {
        product(grid, KEYS, q + i * d, d, 1, keys, KEYS, rows, cols, d, false);
    }
    void gather(State &state, int64_t i, int64_t rows, int64_t n) {
        product(state.sums + i * ld, ld, grid, KEYS, 1, values, ld, rows, ld, n, true);
    }
    void gather_row(State &state, int64_t i, int64_t r, int64_t seen) {
        product(state.sums + i * ld, ld, logits(r), KEYS, 1, values, ld, 1, ld, seen, true);
    }
};

DEFINE_ATTENTION(attention_v2_flash_f32, float, Vectors<float>, 480)
DEFINE_ATTENTION(attention_v2_flash_bf16, bf16, Vectors<bf16>, 480)
DEFINE_ATTENTION(attention_v2_flash_f16, f16, Vectors<f16>, 480)
