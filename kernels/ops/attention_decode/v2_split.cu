// A block to a split of 256 keys of one head, for up to eight of the rows that share it; a second kernel combines the
// splits of a row in their order by their log-sum-exp.
// Learned: a sequence alone fills the card when its keys are split; a key is read once, 16 bytes to a thread, for all
// query heads that share it; weights wait in shared memory while threads change from a key each to a column each.
#include "decode.cuh"
#include "reduce.cuh"

constexpr int SPLIT = 256, ROWS = 8, THREADS = 128, WARPS = THREADS / 32;

// 16 bytes of a row of n numbers from `at`, zeros behind its end.
template <class T>
DEVICE void take(const T *row, i64 at, i64 n, bool whole, float (&x)[V<T>]) {
    if (whole) {
        unpack<T>(load16(row + at), x);
        return;
    }
#pragma unroll
    for (int e = 0; e < V<T>; e++) x[e] = at + e < n ? widen(row[at + e]) : 0.0f;
}

template <class T>
struct Split {
    const Cache<T> &z;
    i64 ib, ik, from, first;  // sequence, head of keys, first key, first row
    int keys, rows;
    float (*weight)[SPLIT];  // [ROWS][SPLIT], in shared memory, as the following
    float *query;            // [ROWS][wide]
    i64 wide;
    i64 *place;              // [SPLIT]
    int *seen;               // [ROWS]: how many of the split's keys a row sees

    DEVICE Split(const Cache<T> &z, i64 job, i64 splits, i64 batches) : z(z) {
        __shared__ float weights[ROWS][SPLIT];
        __shared__ i64 places[SPLIT];
        __shared__ int limits[ROWS];
        weight = weights, place = places, seen = limits;
        query = static_cast<float *>(dynamic_shared());
        const i64 batch = quotient(job, splits), head = quotient(batch, batches);
        from = remainder(job, splits) * SPLIT, first = remainder(batch, batches) * ROWS;
        ik = remainder(head, z.hk), ib = quotient(head, z.hk);
        wide = (z.d + V<T> - 1) / V<T> * V<T>;
        const i64 left = z.length(ib) - from, more = z.rows() - first;
        keys = static_cast<int>(left < 0 ? 0 : left < SPLIT ? left : SPLIT);
        rows = static_cast<int>(more < ROWS ? more : ROWS);
    }
    DEVICE i64 row(int r) const { return (ib * z.hk + ik) * z.rows() + first + r; }

    DEVICE void read() const {
        if (threadIdx.x < ROWS) {
            const i64 limit = threadIdx.x < rows ? z.limit(ib, row(threadIdx.x)) - from : 0;
            seen[threadIdx.x] = limit < 0 ? 0 : limit < SPLIT ? static_cast<int>(limit) : SPLIT;
        }
        for (int j = threadIdx.x; j < keys; j += THREADS) place[j] = z.place(ib, ik, from + j);
        for (i64 i = threadIdx.x; i < ROWS * wide; i += THREADS) {
            const i64 r = quotient(i, wide), t = i - r * wide;
            query[i] = r < rows && t < z.d ? widen(z.q[row(static_cast<int>(r)) * z.d + t]) * z.scale : 0.0f;
        }
        __syncthreads();
    }
    // Threads side by side share a key, as many as it has pieces of 16 bytes (a power of two, 32 at most).
    DEVICE void logits() const {
        const bool whole = z.d % V<T> == 0 && on_border(z.k);
        int lanes = 1;
        while (lanes < 32 && lanes * V<T> < z.d) lanes *= 2;
        const int lane = threadIdx.x % lanes;
        for (int start = 0; start < keys; start += THREADS / lanes) {
            const int j = start + threadIdx.x / lanes;
            const bool there = j < keys && place[j] >= 0;
            float sums[ROWS] = {};
#pragma unroll 1
            for (i64 t = there ? lane * V<T> : z.d; t < z.d; t += lanes * V<T>) {
                float x[V<T>];
                take(z.k + place[j] * z.d, t, z.d, whole, x);
#pragma unroll
                for (int r = 0; r < ROWS; r++)
#pragma unroll
                    for (int e = 0; e < V<T>; e++)
                        sums[r] += x[e] * query[r * wide + t + e];
            }
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
#pragma unroll
                for (int step = 16; step; step /= 2) {
                    const float other = __shfl_xor_sync(0xffffffffu, sums[r], step);
                    sums[r] = step < lanes ? sums[r] + other : sums[r];
                }
                if (lane == 0 && j < keys) weight[r][j] = there && j < seen[r] ? sums[r] : -INF;
            }
        }
        __syncthreads();
    }
    // A warp to a row: its logits become weights. What the split comes to stands behind the row's values.
    DEVICE void weigh(float *parts, i64 size) const {
#pragma unroll
        for (int i = 0; i < ROWS / WARPS; i++) {
            const int r = threadIdx.x / 32 + i * WARPS;
            float top = -INF, total = 0;
            for (int j = threadIdx.x % 32; j < keys; j += 32) top = fmaxf(top, weight[r][j]);
            top = warp_all(top, Max());
            for (int j = threadIdx.x % 32; j < keys; j += 32)
                total += weight[r][j] = expf(weight[r][j] - (top == -INF ? 0 : top));
            total = warp_all(total, Add());
            if (threadIdx.x % 32 == 0 && r < rows) parts[r * size + z.e] = top, parts[r * size + z.e + 1] = total;
        }
        __syncthreads();
    }
    // A column of values to a thread, neighbours side by side; keys that a row does not see count for nothing.
    DEVICE void gather(float *parts, i64 size) const {
        for (i64 t = threadIdx.x; t < z.e; t += THREADS) {
            float sums[ROWS] = {};
#pragma unroll 1
            for (int j = 0; j < keys; j++) {
                const i64 at = place[j];
                const float x = at < 0 ? 0.0f : widen(z.v[at * z.e + t]);
#pragma unroll
                for (int r = 0; r < ROWS; r++) sums[r] = j < seen[r] ? fmaf(weight[r][j], x, sums[r]) : sums[r];
            }
#pragma unroll
            for (int r = 0; r < ROWS; r++)
                if (r < rows) parts[r * size + t] = sums[r];
        }
        __syncthreads();
    }
};

// The parts of a row lie one after the other, each `e` values, the largest logit and the sum of weights.
template <class T>
DEVICE void all_splits(const Cache<T> &z, float *scratch) {
    const i64 size = z.e + 2, splits = (z.capacity() + SPLIT - 1) / SPLIT, batches = (z.rows() + ROWS - 1) / ROWS;
    for (i64 job = blockIdx.x; job < z.b * z.hk * batches * splits; job += gridDim.x) {
        const Split<T> split(z, job, splits, batches);
        float *parts = scratch + (split.row(0) * splits + remainder(job, splits)) * size;
        split.read();
        split.logits();
        split.weigh(parts, splits * size);
        split.gather(parts, splits * size);
    }
}

template <class T>
DEVICE void combine(const Cache<T> &z, const float *scratch, T *out, float *lse) {
    const i64 size = z.e + 2, splits = (z.capacity() + SPLIT - 1) / SPLIT;
    for (i64 row = blockIdx.x; row < z.b * z.hq * z.n; row += gridDim.x) {
        const float *parts = scratch + row * splits * size;
        float top = -INF, total = 0;
        for (i64 s = 0; s < splits; s++) top = fmaxf(top, parts[s * size + z.e]);
        const float reference = top == -INF ? 0 : top;
        for (i64 s = 0; s < splits; s++) total += parts[s * size + z.e + 1] * expf(parts[s * size + z.e] - reference);
        for (i64 t = threadIdx.x; t < z.e; t += THREADS) {
            float sum = 0;
            for (i64 s = 0; s < splits; s++) sum += parts[s * size + t] * expf(parts[s * size + z.e] - reference);
            out[row * z.e + t] = narrow<T>(total == 0 ? 0 : sum / total);
        }
        if (lse && threadIdx.x == 0) lse[row] = total == 0 ? -INF : reference + logf(total);
    }
}

#define SCRATCH , void *scratch
#define DEFINE(T, NAME)                                                                                          \
    DECODE(KERNEL(THREADS), T, v2_split_##NAME, SCRATCH, all_splits(z, static_cast<float *>(scratch)))           \
    DECODE(KERNEL(THREADS), T, v2_split_##NAME##_combine, SCRATCH,                                               \
           combine(z, static_cast<const float *>(scratch), out, lse))
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
