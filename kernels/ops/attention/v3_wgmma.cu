// Flash attention on tensor cores by warpgroups (sm_90a): one warpgroup copies, two have 64 rows of queries each. Both
// products read keys and values straight from shared memory; weights go from registers to the second one.
// Learned: values are wanted with the keys as depth, which is the way they do not lie, and wgmma takes them so; while
// one warpgroup works out weights, the other multiplies. What
// v2_flash learned of masks holds as it is.
#include <ring.cuh>

#include "attention.cuh"

constexpr int ROWS = 2 * 64, THREADS = 3 * WARPGROUP, SLOTS = 4, LAG = 2;

// Shared memory: queries, a ring of tiles of keys and values in turn, barriers.
template <int D, int BN>
struct Space {
    static constexpr int QUERIES = ROWS * D * 2, TILE = BN * D * 2;
    struct Signs {
        Barriers<SLOTS> ring;
        u64 queries;  // arrived at when they are no longer needed
        u32 odd[2];   // the tile in whose values something is not finite; two, so that a new one leaves the last alone
    };
    char *queries, *tiles;
    Signs *signs;

    DEVICE Space() : queries(swizzled_shared()), tiles(queries + QUERIES) {
        signs = reinterpret_cast<Signs *>(tiles + SLOTS * TILE);
        if (threadIdx.x == 0) {
            signs->ring.init(WARPGROUP, 2 * WARPGROUP / 32);
            barrier_init(&signs->queries, 2 * WARPGROUP / 32);
            signs->odd[0] = signs->odd[1] = 0;
        }
        __syncthreads();
    }
    DEVICE char *tile(u32 slot) const { return tiles + slot * TILE; }
};

// The rows of queries of one head of keys that a block works on at a time.
template <class T, int BN>
struct Job {
    i64 head, first, last, count, all_see;

    DEVICE Job(const Problem<T> &z, i64 number) {
        const i64 parts = (z.rows() + ROWS - 1) / ROWS, heads = z.heads();
        head = number % heads, first = (parts - 1 - number / heads) * ROWS;
        last = first + ROWS < z.rows() ? first + ROWS : z.rows();
        count = (z.most_seen(first, last) + BN - 1) / BN, all_see = z.least_seen(first, last);
    }
    DEVICE static i64 number_of(const Problem<T> &z) { return (z.rows() + ROWS - 1) / ROWS * z.heads(); }
};

// ---- the warpgroup that copies

// `Lines` rows of d numbers, a multiple of 8; zeros behind them, behind the last row, and for rows that are not there.
template <int D, int Lines, class T>
DEVICE void copy_rows(char *tile, const T *from, i64 rows, i64 d, const u8 *there) {
    constexpr int PIECES = D / 8, STEP = WARPGROUP / PIECES;
    const int number = threadIdx.x % PIECES, row0 = threadIdx.x / PIECES;
    char *to = tile + number / 8 * Lines * LINE;
    const int end = number * 8 >= d ? 0 : rows < Lines ? static_cast<int>(rows) : Lines;
    const T *p = from + row0 * d + number * 8;
#pragma unroll 4
    for (int row = row0; row < Lines; row += STEP, p += STEP * d) {
        const bool inside = row < end && (!there || there[row]);
        copy_async(to + swizzled(row, number % 8), inside ? p : from, inside);
    }
}

template <int D, int BN, class T>
DEVICE void copy(const Problem<T> &z, const Space<D, BN> &space) {
    Filling<SLOTS, LAG> ring(&space.signs->ring);
    u32 parity = 1;
    for (i64 number = blockIdx.x; number < Job<T, BN>::number_of(z); number += gridDim.x) {
        const Job<T, BN> job(z, number);
        if (job.count == 0) continue;
        ring.finish();  // or those who still need the queries would wait for what has long landed
        barrier_wait(&space.signs->queries, parity);
        parity ^= 1;
        copy_rows<D, ROWS>(space.queries, z.q + (job.head * z.rows() + job.first) * z.d, job.last - job.first, z.d, nullptr);
        const u8 *there = z.there(job.head);
#pragma unroll 1
        for (i64 tile = 0; tile < 2 * job.count; tile++) {
            const i64 key = tile / 2 * BN, at = job.head * z.sk + key;
            const bool values = tile & 1;
            char *to = space.tile(ring.begin());
            copy_rows<D, BN>(to, values ? z.v + at * z.e : z.k + at * z.d, z.sk - key, values ? z.e : z.d,
                             there ? there + key : nullptr);
            ring.end();
        }
    }
    ring.finish();
}

// ---- the warpgroups that multiply

template <class T, int D, int BN>
struct Weighing {
    const Problem<T> &z;
    const Space<D, BN> &space;
    Emptying<SLOTS> ring;
    Job<T, BN> job;
    u32 turn = 0;  // tiles whose values were looked at
    i64 limit[2];
    float sums[D / 2], top[2], total[2];

    DEVICE Weighing(const Problem<T> &z, const Space<D, BN> &space)
        : z(z), space(space), ring(&space.signs->ring), job(z, 0) {}

    DEVICE static int warp_row() { return (threadIdx.x - WARPGROUP) / 32 * 16; }
    DEVICE static int column() { return 2 * (threadIdx.x % 4); }  // of 8, the first of two that a lane holds
    DEVICE i64 row(int h) const { return job.first + warp_row() + h * 8 + threadIdx.x % 32 / 4; }

    DEVICE void run(i64 number, T *out, float *lse) {
        job = Job<T, BN>(z, number);
#pragma unroll
        for (int h = 0; h < 2; h++) {
            limit[h] = row(h) < z.rows() ? z.limit(row(h)) : 0;
            top[h] = -INF, total[h] = 0;
        }
#pragma unroll
        for (int i = 0; i < D / 2; i++) sums[i] = 0;
#pragma unroll 1
        for (i64 tile = 0; tile < job.count; tile++) step(tile);
        finish(out, lse);
    }

    DEVICE void step(i64 tile) {
        float s[BN / 2];
        const u32 keys = ring.wait();
        logits(s, space.tile(keys));
        ring.release(keys);
        ring.next();
        if (tile + 1 == job.count) {
            __syncwarp();
            if (threadIdx.x % 32 == 0) barrier_arrive(&space.signs->queries);
        }
        const bool in_part = (tile + 1) * BN > job.all_see;
        float factor = z.scale * LOG2E;
        if (in_part || z.mask || z.key_mask || factor < 0) {
            hide(s, tile * BN, factor);
            factor = 1;
        }
        weigh(s, factor);
        const u32 values = ring.wait();
        if (in_part && z.causal) mend(s, space.tile(values), tile);
        gather(s, space.tile(values));
        ring.release(values);
        ring.next();
    }
    DEVICE void logits(float (&s)[BN / 2], const char *keys) {
#pragma unroll
        for (int i = 0; i < BN / 2; i++) s[i] = 0;
        const u32 q = shared_address(space.queries) + (threadIdx.x / WARPGROUP - 1) * 64 * LINE, k = shared_address(keys);
        wgmma_fence();
#pragma unroll
        for (int t = 0; t < D / 16; t++)
            wgmma<false, false>(s, describe(q + t / 4 * ROWS * LINE + t % 4 * 32, 16, 8 * LINE),
                                describe(k + t / 4 * BN * LINE + t % 4 * 32, 16, 8 * LINE), T());
        wgmma_commit();
        wgmma_wait<0>();
        wgmma_done(s);
    }
    DEVICE void gather(const float (&s)[BN / 2], const char *values) {
        const u32 v = shared_address(values);
        u32 p[BN / 16][4];
#pragma unroll
        for (int i = 0; i < BN / 4; i++) p[i / 4][i % 4] = pair(s[2 * i], s[2 * i + 1], T());
        wgmma_fence();
#pragma unroll
        for (int j = 0; j < BN / 16; j++) wgmma<true>(sums, p[j], describe(v + j * 16 * LINE, BN * LINE, 8 * LINE), T());
        wgmma_commit();
        wgmma_wait<0>();
        wgmma_done(sums);
    }
    // Logits of powers of two with the mask; -inf for keys that a row does not see.
    DEVICE void hide(float (&s)[BN / 2], i64 at, float factor) const {
        const u8 *there = z.key_mask ? z.there(job.head) + at + column() : nullptr;
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const T *mask = z.mask && row(h) < z.rows() ? z.mask_row(job.head, row(h)) + at + column() : nullptr;
            const i64 left = limit[h] - at - column();
            const int seen = left < BN ? static_cast<int>(left) : BN;
#pragma unroll
            for (int i = 0; i < BN / 4; i++) {
                const int j = i / 2 * 8 + i % 2;
                float &x = s[i / 2 * 4 + 2 * h + i % 2];
                x *= factor;
                if (j >= seen || (there && !there[j]))
                    x = -INF;
                else if (mask)
                    x += widen(mask[j]) * LOG2E;
            }
        }
    }
    // Logits become weights; what is there already is scaled down where the largest grew.
    DEVICE void weigh(float (&s)[BN / 2], float factor) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float raw = -INF;
#pragma unroll
            for (int i = 0; i < BN / 4; i++) raw = fmaxf(raw, s[i / 2 * 4 + 2 * h + i % 2]);
            raw = quad_max(raw);
            const float found = raw == -INF ? -INF : raw * factor, now = fmaxf(top[h], found);
            float reference = now == -INF ? 0 : now, times = factor;
            const float old = fast_exp2(top[h] - reference);
            top[h] = now;
            if (fabsf(reference) > 256) {  // what the product with the factor loses would show in 16 bits
                const float lost = found == now ? fmaf(raw, factor, -reference) : 0;
#pragma unroll
                for (int i = 0; i < BN / 4; i++) {
                    float &x = s[i / 2 * 4 + 2 * h + i % 2];
                    x = fmaf(x, factor, -reference) - lost;
                }
                reference = 0, times = 1;
            }
            float sum = 0;
#pragma unroll
            for (int i = 0; i < BN / 4; i++) {
                float &x = s[i / 2 * 4 + 2 * h + i % 2];
                x = fast_exp2(fmaf(x, times, -reference));
                sum += x;
            }
            total[h] = total[h] * old + sum;
#pragma unroll
            for (int i = 0; i < D / 4; i++) sums[i / 2 * 4 + 2 * h + i % 2] *= old;
        }
    }
    // Values that are not finite, in a tile that some rows see in part: rows that see them get them here, and zeros
    // take their place, since 0 times NaN would reach the other rows. Both warpgroups look at half of the tile.
    DEVICE void mend(const float (&s)[BN / 2], char *values, i64 tile) {
        T *v = reinterpret_cast<T *>(values);
        const int t = threadIdx.x - WARPGROUP;
        int odd = 0;
        for (int i = t; i < BN * D; i += 2 * WARPGROUP) odd |= !(fabsf(widen(v[i])) < INF);
        volatile u32 *sign = space.signs->odd + turn % 2;
        if (odd) *sign = turn + 1;
        turn++;
        sync_some(1, 2 * WARPGROUP);
        if (*sign != turn) return;
#pragma unroll 1
        for (int j = 0; j < BN; j++) {
            float p[2];
            pick(s, j, p);
#pragma unroll
            for (int i = 0; i < D / 4; i++) {
                const char *piece = values + i / 16 * BN * LINE + swizzled(j, i / 2 % 8);
                const float x = widen(reinterpret_cast<const T *>(piece)[column() + i % 2]);
                if (fabsf(x) < INF) continue;
#pragma unroll
                for (int h = 0; h < 2; h++)
                    if (tile * BN + j < limit[h]) sums[i / 2 * 4 + 2 * h + i % 2] += p[h] * x;
            }
        }
        sync_some(1, 2 * WARPGROUP);
        for (int i = t; i < BN * D; i += 2 * WARPGROUP)
            if (!(fabsf(widen(v[i])) < INF)) v[i] = T{0};
        fence_async();
        sync_some(1, 2 * WARPGROUP);
    }
    // The weights of key j, from the lanes that hold them; in bits, as in v2_flash.
    DEVICE static void pick(const float (&s)[BN / 2], int j, float (&p)[2]) {
        const int lane = threadIdx.x % 32 / 4 * 4 + j % 8 / 2;
#pragma unroll
        for (int h = 0; h < 2; h++) {
            u32 mine = 0;
#pragma unroll
            for (int i = 0; i < BN / 4; i++) {
                const u32 chosen = i == j / 8 * 2 + j % 2;
                mine |= __float_as_uint(s[i / 2 * 4 + 2 * h + i % 2]) & (0 - chosen);
            }
            p[h] = __uint_as_float(__shfl_sync(0xffffffffu, mine, lane));
        }
    }
    DEVICE void finish(T *out, float *lse) const {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const float all = quad_sum(total[h]), factor = all == 0 ? 0 : 1 / all;
            const i64 place = job.head * z.rows() + row(h);
            const bool there = row(h) < z.rows();
            if (lse && there && threadIdx.x % 4 == 0) lse[place] = all == 0 ? -INF : (top[h] + log2f(all)) * LN2;
#pragma unroll
            for (int n = 0; n < D / 8; n += 4) {
                u32 word[4];
#pragma unroll
                for (int g = 0; g < 4; g++) {
                    const float *two = sums + (n + g) * 4 + 2 * h;
                    word[g] = pair(all == 0 ? 0 : two[0] * factor, all == 0 ? 0 : two[1] * factor, T());
                }
                const uint4 piece = gather_pieces(word);
                const i64 at = (n + threadIdx.x % 4) * 8;
                if (there && at < z.e) store16(out + place * z.e + at, piece);
            }
        }
    }
};

template <class T, int D, int BN>
DEVICE void attend(const Problem<T> &z, T *out, float *lse) {
    const Space<D, BN> space;
    if (threadIdx.x < WARPGROUP) {
        give_registers<56>();
        copy<D, BN>(z, space);
    } else {
        take_registers<224>();
        Weighing<T, D, BN> mine(z, space);
        for (i64 number = blockIdx.x; number < Job<T, BN>::number_of(z); number += gridDim.x) mine.run(number, out, lse);
    }
}

#define DEFINE(T, NAME, D, BN)                                                                                       \
    extern "C" __global__ void __launch_bounds__(THREADS, 1) attention_v3_wgmma_##NAME##_##D(                        \
        const T *q, const T *k, const T *v, const T *mask, const u8 *key_mask, T *out, float *lse, i64 b, i64 hq,    \
        i64 sq, i64 d, i64 hk, i64 sk, i64 e, i64 mb, i64 mh, i64 causal, double scale) {                            \
        const Problem<T> z{q,  k, v,  mask, key_mask, b, hq,          sq,                                            \
                           d,  hk, sk, e,   mb,       mh, causal != 0, static_cast<float>(scale)};                   \
        attend<T, D, BN>(z, out, lse);                                                                               \
    }
#define BOTH(D, BN)           \
    DEFINE(bf16, bf16, D, BN) \
    DEFINE(f16, f16, D, BN)
BOTH(64, 128)
BOTH(128, 128)
BOTH(256, 64)
