// The gradient of attention on tensor cores (mma.sync, sm_80 and up), in three launches: what is subtracted from every
// row (`_delta`), the gradients of keys and values (`_keys`), that of queries. Four warps, each with 16 rows whose
// gradients stay in registers while tiles of the other side pass through shared memory.
// Learned: probabilities are worked out again from the logarithms of their sums in both passes, seven products instead
// of five; but nobody adds to what another adds to, so there are no atomics and the bits are the same every time. With
// keys as rows, probabilities come out transposed, as the left operand of the next product wants them.
#include "attention.cuh"

constexpr int WARPS = 4, ROWS = 16 * WARPS;

// s = left right^T: 16 rows from `row` of one tile, all N of another.
template <int D, int N, class T>
DEVICE void times_turned(float (&s)[N / 8][4], T *left, int row, T *right) {
#pragma unroll
    for (int n = 0; n < N / 8; n++) s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0;
#pragma unroll
    for (int t = 0; t < D; t += 16) {
        u32 a[4], b[4];
        left_of<D>(a, left, row, t);
#pragma unroll
        for (int n = 0; n < N / 8; n += 2) {
            right_of_turned<D>(b, right, n * 8, t);
            mma(s[n], a, b[0], b[1], T{});
            mma(s[n + 1], a, b[2], b[3], T{});
        }
    }
}
// sums += w right: 16 rows by N, N rows.
template <int D, int N, class T>
DEVICE void times(float (&sums)[D / 8][4], const float (&w)[N / 8][4], T *right) {
#pragma unroll
    for (int j = 0; j < N / 8; j += 2) {
        u32 a[4], b[4];
        as_left<T>(a, w[j], w[j + 1]);
#pragma unroll
        for (int n = 0; n < D / 8; n += 2) {
            right_of<D>(b, right, j * 8, n * 8);
            mma(sums[n], a, b[0], b[1], T{});
            mma(sums[n + 1], a, b[2], b[3], T{});
        }
    }
}

DEVICE int warp_row() { return threadIdx.x / 32 * 16; }
DEVICE int lane_row() { return threadIdx.x % 32 / 4; }
DEVICE int column() { return 2 * (threadIdx.x % 4); }

// Two rows of each thread, from `row` on: below `end`, the first `wide` numbers.
template <int D, class T>
DEVICE void store(const float (&sums)[D / 8][4], T *to, i64 row, i64 end, i64 wide) {
#pragma unroll
    for (int h = 0; h < 2; h++)
#pragma unroll
        for (int i = 0; i < D / 4; i++) {
            const int t = i / 2 * 8 + column() + i % 2;
            if (row + 8 * h < end && t < wide) to[(row + 8 * h) * wide + t] = narrow<T>(sums[i / 2][2 * h + i % 2]);
        }
}

// What a probability and the gradient of a logit are worked out from, beside the products.
struct Row {
    float lse, delta;
    int seen;  // keys of a tile
};
template <class T>
struct Gradient : Problem<T> {
    const T *dout;
    const float *lse, *delta;

    DEVICE Row row(i64 head, i64 row, i64 key, int most) const {
        if (row >= this->rows()) return {0, 0, 0};
        const i64 place = head * this->rows() + row, left = this->limit(row) - key;
        if (lse[place] == -INF) return {0, 0, 0};
        return {lse[place], delta[place], left < most ? static_cast<int>(left) : most};
    }
    // Logit and product become probability and gradient.
    DEVICE void weigh(float &s, float &dp, const Row &row, bool seen, const T *added) const {
        const float logit = s * this->scale + (seen && added ? widen(*added) : 0);
        s = seen ? fast_exp(logit - row.lse) : 0;
        dp = seen ? s * (dp - row.delta) * this->scale : 0;
    }
    // Brings rows of q and dout, or of k and v.
    template <int D, int N>
    DEVICE void bring_rows(T *to, i64 head, i64 row) const {
        const i64 place = head * this->rows() + row, left = this->rows() - row;
        bring<D, N>(to, this->q + place * this->d, left, this->d, this->d % 8 == 0 && on_border(this->q), nullptr);
        bring<D, N>(to + N * D, dout + place * this->e, left, this->e, this->e % 8 == 0 && on_border(dout), nullptr);
    }
    template <int D, int N>
    DEVICE void bring_keys(T *to, i64 head, i64 key) const {
        const i64 place = head * this->sk + key, left = this->sk - key;
        const u8 *there = this->there(head) ? this->there(head) + key : nullptr;
        bring<D, N>(to, this->k + place * this->d, left, this->d, this->d % 8 == 0 && on_border(this->k), there);
        bring<D, N>(to + N * D, this->v + place * this->e, left, this->e, this->e % 8 == 0 && on_border(this->v), there);
    }
};

// The gradient of queries: 64 rows stay, tiles of BN keys and values pass.
template <int D, int BN, class T>
DEVICE void of_queries(const Gradient<T> &z, i64 head, i64 first, T *dq) {
    T *own = static_cast<T *>(dynamic_shared()), *tiles = own + 2 * ROWS * D;
    const i64 last = first + ROWS < z.rows() ? first + ROWS : z.rows();
    const i64 count = (z.most_seen(first, last) + BN - 1) / BN;
    float sums[D / 8][4] = {};
    if (count) {
        z.template bring_rows<D, ROWS>(own, head, first);
        z.template bring_keys<D, BN>(tiles, head, 0);
        copy_commit();
    }
    Row rows[2];
    i64 limits[2];
    const T *masks[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
        const i64 row = first + warp_row() + lane_row() + 8 * h;
        rows[h] = z.row(head, row, 0, 1);
        limits[h] = rows[h].seen ? z.limit(row) : 0;
        masks[h] = z.mask && row < z.rows() ? z.mask_row(head, row) : nullptr;
    }
#pragma unroll 1
    for (i64 tile = 0; tile < count; tile++) {
        T *k = tiles + (tile & 1) * 2 * BN * D;
        if (tile + 1 < count) z.template bring_keys<D, BN>(tiles + (tile + 1 & 1) * 2 * BN * D, head, (tile + 1) * BN);
        copy_commit();
        copy_wait<1>();
        __syncthreads();
        float s[BN / 8][4], dp[BN / 8][4];
        times_turned<D, BN>(s, own, warp_row(), k);
        times_turned<D, BN>(dp, own + ROWS * D, warp_row(), k + BN * D);
        const i64 at = tile * BN + column();
        const u8 *there = z.key_mask ? z.there(head) + at : nullptr;
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const int left = limits[h] - at < BN ? static_cast<int>(limits[h] - at) : BN;
            const T *mask = masks[h] ? masks[h] + at : nullptr;
#pragma unroll
            for (int i = 0; i < BN / 4; i++) {
                const int j = i / 2 * 8 + i % 2;
                const bool seen = j < left && (!there || there[j]);
                z.weigh(s[i / 2][2 * h + i % 2], dp[i / 2][2 * h + i % 2], rows[h], seen, mask ? mask + j : nullptr);
            }
        }
        times<D, BN>(sums, dp, k);
        __syncthreads();
    }
    store<D>(sums, dq + head * z.rows() * z.d, first + warp_row() + lane_row(), last, z.d);
}

// Those of keys, of values, or of both: 64 keys stay, tiles of BM rows pass.
template <int D, int BM, bool Keys, bool Values, class T>
DEVICE void of_keys(const Gradient<T> &z, i64 head, i64 first, T *dk, T *dv) {
    T *own = static_cast<T *>(dynamic_shared()), *tiles = own + 2 * ROWS * D;
    Row *rows = reinterpret_cast<Row *>(tiles + 2 * 2 * BM * D);
    const i64 count = (z.rows() + BM - 1) / BM;
    const u8 *there = z.there(head);
    float keys[Keys ? D / 8 : 1][4] = {}, values[Values ? D / 8 : 1][4] = {};
    bool mine[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
        const i64 key = first + warp_row() + lane_row() + 8 * h;
        mine[h] = key < z.sk && (!there || there[key]);
    }
    // The next tile, from this one on, of which some row sees some key.
    const auto next = [&](i64 tile) {
        for (; tile < count; tile++)
            if (z.most_seen(tile * BM, (tile + 1) * BM < z.rows() ? (tile + 1) * BM : z.rows()) > first) break;
        return tile;
    };
    const auto fetch = [&](i64 tile, int turn) {
        if (tile < count) {
            z.template bring_rows<D, BM>(tiles + turn * 2 * BM * D, head, tile * BM);
            if (threadIdx.x < BM) rows[turn * BM + threadIdx.x] = z.row(head, tile * BM + threadIdx.x, first, ROWS);
        }
        copy_commit();
    };
    z.template bring_keys<D, ROWS>(own, head, first);
    int turn = 0;
    i64 tile = next(0);
    fetch(tile, 0);
#pragma unroll 1
    while (tile < count) {
        const i64 after = next(tile + 1);
        fetch(after, turn ^ 1);
        copy_wait<1>();
        __syncthreads();
        T *q = tiles + turn * 2 * BM * D;
        float s[BM / 8][4], dp[BM / 8][4];
        times_turned<D, BM>(s, own, warp_row(), q);
        if (Keys) times_turned<D, BM>(dp, own + ROWS * D, warp_row(), q + BM * D);
#pragma unroll
        for (int i = 0; i < BM / 4; i++) {
            const int at = i / 2 * 8 + column() + i % 2;
            const Row row = rows[turn * BM + at];
            const T *mask = z.mask && row.seen > 0 ? z.mask_row(head, tile * BM + at) + first : nullptr;
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const int key = warp_row() + lane_row() + 8 * h;
                z.weigh(s[i / 2][2 * h + i % 2], dp[i / 2][2 * h + i % 2], row, key < row.seen && mine[h],
                        mask ? mask + key : nullptr);
            }
        }
        if constexpr (Values) times<D, BM>(values, s, q + BM * D);
        if constexpr (Keys) times<D, BM>(keys, dp, q);
        __syncthreads();
        tile = after, turn ^= 1;
    }
    copy_wait<0>();
    const i64 row = first + warp_row() + lane_row();
    if constexpr (Keys) store<D>(keys, dk + head * z.sk * z.d, row, z.sk, z.d);
    if constexpr (Values) store<D>(values, dv + head * z.sk * z.e, row, z.sk, z.e);
}

// delta = sum of dout * out, a warp to a row.
template <class T>
DEVICE void differences(const T *dout, const T *out, float *delta, i64 rows, i64 e) {
    const i64 row = static_cast<i64>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
    float sum = 0;
    if (row < rows)
        for (i64 t = threadIdx.x % 32; t < e; t += 32) sum += widen(dout[row * e + t]) * widen(out[row * e + t]);
#pragma unroll
    for (int step = 16; step; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (row < rows && threadIdx.x % 32 == 0) delta[row] = sum;
}

#define ARGUMENTS(T)                                                                                                   \
    (const T *dout, const T *q, const T *k, const T *v, const T *out, const float *lse, const T *mask,                 \
     const u8 *key_mask, T *dq, T *dk, T *dv, i64 b, i64 hq, i64 sq, i64 e, i64 d, i64 hk, i64 sk, i64 mb, i64 mh,     \
     i64 causal, double scale, void *scratch)
#define PROBLEM(T)                                                                                                     \
    const Gradient<T> z{{q, k, v, mask, key_mask, b, hq, sq, d, hk, sk, e, mb, mh, causal != 0,                        \
                         static_cast<float>(scale)},                                                                   \
                        dout, lse, static_cast<const float *>(scratch)}
#define DELTA(T, NAME)                                                                                                 \
    KERNEL(256) attention_grad_v2_recompute_##NAME##_delta ARGUMENTS(T) {                                              \
        differences(dout, out, static_cast<float *>(scratch), b * hq * sq, e);                                         \
    }
// Two blocks to a processor, which is what shared memory holds: left alone, ptxas aims at three, and spills.
#define PAIR extern "C" __global__ void __launch_bounds__(128, 2)
// Whole: registers have room for the gradients of keys and of values; else a block has one of them.
#define DEFINE(T, NAME, D, N, WHOLE)                                                                                   \
    PAIR attention_grad_v2_recompute_##NAME##_##D ARGUMENTS(T) {                                                \
        PROBLEM(T);                                                                                                    \
        const i64 parts = (z.rows() + ROWS - 1) / ROWS, heads = z.heads();                                             \
        for (i64 job = blockIdx.x; job < parts * heads; job += gridDim.x)                                              \
            of_queries<D, N>(z, job % heads, (parts - 1 - job / heads) * ROWS, dq);                                    \
    }                                                                                                                  \
    PAIR attention_grad_v2_recompute_##NAME##_keys_##D ARGUMENTS(T) {                                           \
        PROBLEM(T);                                                                                                    \
        const i64 parts = (sk + ROWS - 1) / ROWS * (WHOLE ? 1 : 2), heads = z.heads();                                 \
        for (i64 job = blockIdx.x; job < parts * heads; job += gridDim.x) {                                            \
            const i64 head = job % heads, part = job / heads;                                                          \
            if constexpr (WHOLE)                                                                                       \
                of_keys<D, N, true, true>(z, head, part * ROWS, dk, dv);                                               \
            else if (part % 2)                                                                                         \
                of_keys<D, N, true, false>(z, head, part / 2 * ROWS, dk, dv);                                          \
            else                                                                                                       \
                of_keys<D, N, false, true>(z, head, part / 2 * ROWS, dk, dv);                                          \
        }                                                                                                              \
    }
#define ALL(T, NAME)                 \
    DELTA(T, NAME)                   \
    DEFINE(T, NAME, 64, 32, true)    \
    DEFINE(T, NAME, 128, 32, true)   \
    DEFINE(T, NAME, 256, 16, false)
ALL(bf16, bf16)
ALL(f16, f16)
