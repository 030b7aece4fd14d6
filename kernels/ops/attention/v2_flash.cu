// Flash attention on tensor cores (mma.sync, sm_80 and up): four warps, each with 16 or 32 rows of queries, whose
// weighted values, largest logits and sums stay in registers while tiles of keys and values pass through shared
// memory, the next one on its way while one is multiplied.
// Learned: sums of the first product have the layout of the left operand of the second, so weights never leave their
// registers; pieces of 16 bytes crossed with their row make reading by ldmatrix free of bank conflicts; 32 rows to a
// warp halve what shared memory must deliver; tiles nobody sees are not fetched, and only tiles that somebody sees in
// part are looked at key by key; the longest rows of a causal mask begin first.
#include "attention.cuh"

constexpr int WARPS = 4;

// A block's rows of queries; MT times 16 for each warp, heads of up to D numbers, BN keys to a tile.
template <class T, int D, int MT, int BN>
struct Flash {
    static constexpr int BM = 16 * MT * WARPS, COLUMNS = D / 8, KEYS = BN / 8;

    const Problem<T> &z;
    T *q, *tiles;  // [BM][D]; two times keys and values, [BN][D] each
    i64 head, first, limit[MT][2];
    float sums[MT][COLUMNS][4], top[MT][2], total[MT][2];

    DEVICE Flash(const Problem<T> &z, i64 head, i64 first) : z(z), head(head), first(first) {
        q = static_cast<T *>(dynamic_shared());
        tiles = q + BM * D;
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int h = 0; h < 2; h++) {
                limit[m][h] = row(m, h) < z.rows() ? z.limit(row(m, h)) : 0;
                top[m][h] = -INF, total[m][h] = 0;
#pragma unroll
                for (int n = 0; n < COLUMNS; n++) sums[m][n][2 * h] = sums[m][n][2 * h + 1] = 0;
            }
    }
    DEVICE static int warp_row() { return threadIdx.x / 32 * 16 * MT; }
    DEVICE static int column() { return 2 * (threadIdx.x % 4); }  // of 8, the first of two that a lane holds
    DEVICE i64 row(int m, int h) const { return first + warp_row() + m * 16 + h * 8 + threadIdx.x % 32 / 4; }

    DEVICE T *keys(i64 tile) const { return tiles + (tile & 1) * 2 * BN * D; }
    DEVICE T *values(i64 tile) const { return keys(tile) + BN * D; }
    DEVICE void fetch(i64 tile, i64 end) const {
        const i64 at = head * z.sk + tile * BN, n = end - tile * BN;
        const u8 *there = z.there(head) ? z.there(head) + tile * BN : nullptr;
        const T *k = z.k + at * z.d, *v = z.v + at * z.e;
        bring<D, BN>(keys(tile), k, n, z.d, z.d % 8 == 0 && on_border(z.k), there);
        bring<D, BN>(values(tile), v, n, z.e, z.e % 8 == 0 && on_border(z.v), there);
        copy_commit();
    }
    DEVICE void run(T *out, float *lse) {
        const i64 last = first + BM < z.rows() ? first + BM : z.rows();
        const i64 end = z.most_seen(first, last), count = (end + BN - 1) / BN, all_see = z.least_seen(first, last);
        if (count) {
            bring<D, BM>(q, z.q + (head * z.rows() + first) * z.d, last - first, z.d,
                         z.d % 8 == 0 && on_border(z.q), nullptr);
            fetch(0, end);
        }
        for (i64 tile = 0; tile < count; tile++) {
            if (tile + 1 < count) {
                fetch(tile + 1, end);
                copy_wait<1>();
            } else {
                copy_wait<0>();
            }
            __syncthreads();
            step(tile, all_see);
            __syncthreads();
        }
        finish(out, lse);
    }

    DEVICE void step(i64 tile, i64 all_see) {
        float s[MT][KEYS][4];
        logits(s, keys(tile));
        const bool in_part = (tile + 1) * BN > all_see;
        float factor = z.scale * LOG2E;
        if (in_part || z.mask || z.key_mask || factor < 0) {
            hide(s, tile * BN, factor);
            factor = 1;
        }
        weigh(s, factor);
        if (in_part && z.causal) mend(s, tile);
        gather(s, values(tile));
    }
    DEVICE void logits(float (&s)[MT][KEYS][4], T *k) const {
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int n = 0; n < KEYS; n++) s[m][n][0] = s[m][n][1] = s[m][n][2] = s[m][n][3] = 0;
#pragma unroll
        for (int t = 0; t < D; t += 16) {
            u32 a[MT][4], b[4];
#pragma unroll
            for (int m = 0; m < MT; m++) left_of<D>(a[m], q, warp_row() + m * 16, t);
#pragma unroll
            for (int n = 0; n < KEYS; n += 2) {
                right_of_turned<D>(b, k, n * 8, t);
#pragma unroll
                for (int m = 0; m < MT; m++) {
                    mma(s[m][n], a[m], b[0], b[1], T{});
                    mma(s[m][n + 1], a[m], b[2], b[3], T{});
                }
            }
        }
    }
    // Logits of powers of two with the mask; -inf for keys that a row does not see.
    DEVICE void hide(float (&s)[MT][KEYS][4], i64 at, float factor) const {
        const u8 *there = z.there(head);
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const T *mask = row(m, h) < z.rows() ? z.mask_row(head, row(m, h)) : nullptr;
#pragma unroll
                for (int i = 0; i < 2 * KEYS; i++) {
                    const i64 j = at + i / 2 * 8 + column() + i % 2;
                    float &x = s[m][i / 2][2 * h + i % 2];
                    x *= factor;
                    const bool seen = j < limit[m][h] && (!there || there[j]);
                    if (mask && seen) x += widen(mask[j]) * LOG2E;
                    if (!seen) x = -INF;
                }
            }
    }
    // Logits become weights; what is there already is scaled down where the largest grew.
    DEVICE void weigh(float (&s)[MT][KEYS][4], float factor) {
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int h = 0; h < 2; h++) {
                float raw = -INF;
#pragma unroll
                for (int n = 0; n < KEYS; n++) raw = fmaxf(raw, fmaxf(s[m][n][2 * h], s[m][n][2 * h + 1]));
                raw = quad_max(raw);
                const float found = raw == -INF ? -INF : raw * factor, now = fmaxf(top[m][h], found);
                float reference = now == -INF ? 0 : now, times = factor;
                const float old = fast_exp2(top[m][h] - reference);
                top[m][h] = now;
                if (fabsf(reference) > 256) {  // what the product with the factor loses would show in 16 bits
                    const float lost = found == now ? fmaf(raw, factor, -reference) : 0;
#pragma unroll
                    for (int i = 0; i < 2 * KEYS; i++) {
                        float &x = s[m][i / 2][2 * h + i % 2];
                        x = fmaf(x, factor, -reference) - lost;
                    }
                    reference = 0, times = 1;
                }
                float sum = 0;
#pragma unroll
                for (int i = 0; i < 2 * KEYS; i++) {
                    float &x = s[m][i / 2][2 * h + i % 2];
                    x = fast_exp2(fmaf(x, times, -reference));
                    sum += x;
                }
                total[m][h] = total[m][h] * old + sum;
#pragma unroll
                for (int n = 0; n < COLUMNS; n++) sums[m][n][2 * h] *= old, sums[m][n][2 * h + 1] *= old;
            }
    }
    DEVICE void gather(const float (&s)[MT][KEYS][4], T *v) {
#pragma unroll
        for (int j = 0; j < KEYS; j += 2) {
            u32 a[MT][4], b[4];
#pragma unroll
            for (int m = 0; m < MT; m++) as_left<T>(a[m], s[m][j], s[m][j + 1]);
#pragma unroll
            for (int n = 0; n < COLUMNS; n += 2) {
                right_of<D>(b, v, j * 8, n * 8);
#pragma unroll
                for (int m = 0; m < MT; m++) {
                    mma(sums[m][n], a[m], b[0], b[1], T{});
                    mma(sums[m][n + 1], a[m], b[2], b[3], T{});
                }
            }
        }
    }
    // Values that are not finite, in a tile that some rows see in part: rows that see them get them here, and zeros
    // take their place, since 0 times NaN would reach the other rows.
    DEVICE void mend(const float (&s)[MT][KEYS][4], i64 tile) {
        T *v = values(tile);
        int odd = 0;
        for (int i = threadIdx.x; i < BN * D; i += blockDim.x) odd |= !(fabsf(widen(v[i])) < INF);
        if (!__syncthreads_or(odd)) return;
#pragma unroll 1
        for (int j = 0; j < BN; j++) {
            float p[MT][2];
            pick(s, j, p);
#pragma unroll
            for (int i = 0; i < 2 * COLUMNS; i++) {
                const float x = widen(piece<D>(v, j, i / 2)[column() + i % 2]);
                if (fabsf(x) < INF) continue;
#pragma unroll
                for (int m = 0; m < MT; m++)
#pragma unroll
                    for (int h = 0; h < 2; h++)
                        if (tile * BN + j < limit[m][h]) sums[m][i / 2][2 * h + i % 2] += p[m][h] * x;
            }
        }
        __syncthreads();
        for (int i = threadIdx.x; i < BN * D; i += blockDim.x)
            if (!(fabsf(widen(v[i])) < INF)) v[i] = T{0};
        __syncthreads();
    }
    // The weights of key j, from the lanes that hold them. In bits, lest the compiler makes an index of the choice and
    // puts all weights into memory for it.
    DEVICE static void pick(const float (&s)[MT][KEYS][4], int j, float (&p)[MT][2]) {
        const int lane = threadIdx.x % 32 / 4 * 4 + j % 8 / 2;
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int h = 0; h < 2; h++) {
                u32 mine = 0;
#pragma unroll
                for (int i = 0; i < 2 * KEYS; i++) {
                    const u32 chosen = i == j / 8 * 2 + j % 2;
                    mine |= __float_as_uint(s[m][i / 2][2 * h + i % 2]) & (0 - chosen);
                }
                p[m][h] = __uint_as_float(__shfl_sync(0xffffffffu, mine, lane));
            }
    }
    DEVICE void finish(T *out, float *lse) const {
#pragma unroll
        for (int m = 0; m < MT; m++)
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const float all = quad_sum(total[m][h]), factor = 1 / all;
                if (row(m, h) >= z.rows()) continue;
                const i64 place = head * z.rows() + row(m, h);
                if (lse && threadIdx.x % 4 == 0) lse[place] = all == 0 ? -INF : (top[m][h] + log2f(all)) * LN2;
#pragma unroll
                for (int i = 0; i < 2 * COLUMNS; i++) {
                    const int t = i / 2 * 8 + column() + i % 2;
                    if (t < z.e) out[place * z.e + t] = narrow<T>(all == 0 ? 0 : sums[m][i / 2][2 * h + i % 2] * factor);
                }
            }
    }
};

template <class T, int D, int MT, int BN>
DEVICE void flash(const Problem<T> &z, T *out, float *lse) {
    const i64 size = Flash<T, D, MT, BN>::BM, parts = (z.rows() + size - 1) / size, heads = z.heads();
    for (i64 job = blockIdx.x; job < parts * heads; job += gridDim.x)
        Flash<T, D, MT, BN>(z, job % heads, (parts - 1 - job / heads) * size).run(out, lse);
}

#define DEFINE(T, NAME, D, MT, BN)                                                                                     \
    KERNEL(128) attention_v2_flash_##NAME##_##D(const T *q, const T *k, const T *v, const T *mask, const u8 *key_mask, \
                                                T *out, float *lse, i64 b, i64 hq, i64 sq, i64 d, i64 hk, i64 sk,      \
                                                i64 e, i64 mb, i64 mh, i64 causal, double scale) {                     \
        const Problem<T> z{q,  k, v,  mask, key_mask, b, hq,          sq,                                              \
                           d,  hk, sk, e,   mb,       mh, causal != 0, static_cast<float>(scale)};                     \
        flash<T, D, MT, BN>(z, out, lse);                                                                              \
    }
#define BOTH(D, MT, BN)           \
    DEFINE(bf16, bf16, D, MT, BN) \
    DEFINE(f16, f16, D, MT, BN)
BOTH(64, 2, 64)
BOTH(128, 2, 32)
BOTH(256, 1, 32)
