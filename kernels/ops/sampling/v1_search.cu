// A block to a row. Tokens are in an order (falling logit, then index), so what is kept is all up to a token; which one
// is found bit by bit: would the tokens up to here weigh enough?
// Learned: nothing has to be sorted. A row is read some fifty times for each of three searches, from the cache; sums
// are in double precision and added in the same order each time, so they only grow with the token and end at the sum
// of all.
#include "kernel.cuh"

constexpr int WARPS = 32;  // at most

// A token's place in the order: the larger its logit, the smaller; then its index. 0.0 and -0.0 are the same.
template <class T>
DEVICE u64 place_of(T x, i64 index) {
    const u32 bits = __float_as_uint(widen(x) + 0.0f);
    return static_cast<u64>(bits >> 31 ? bits : ~bits & 0x7fffffffu) << 32 | static_cast<u64>(index);
}
DEVICE float logit_of(u64 place) {
    const u32 key = static_cast<u32>(place >> 32);
    return __uint_as_float(key >> 31 ? key : ~key & 0x7fffffffu);
}

// Every thread gets the sum, added in the same order each time.
DEVICE double sum_of_block(double x) {
    __shared__ double part[WARPS];
#pragma unroll
    for (int step = 16; step; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
    __syncthreads();
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = x;
    __syncthreads();
    double sum = 0;
    for (int w = 0; w < blockDim.x / 32; w++) sum += part[w];
    return sum;
}

template <class T>
struct Row {
    const T *x;
    i64 n;
    u64 least;
    float top, temperature;

    DEVICE double weight(u64 place) const {
        const float logit = logit_of(place);
        return logit == top ? 1 : static_cast<double>(expf((logit - top) / temperature));
    }
    // What the tokens up to a place amount to: their number or their weight.
    template <bool Weights>
    DEVICE double up_to(u64 last) const {
        double sum = 0;
        for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
            const u64 place = place_of(x[i], i);
            if (place <= last) sum += Weights ? weight(place) : 1;
        }
        return sum_of_block(sum);
    }
    // The first place up to which there is enough, or `last`.
    template <bool Weights, class F>
    DEVICE u64 first(u64 last, F enough) const {
        u64 low = least, high = last;
        while (low < high) {
            const u64 middle = low + (high - low) / 2;
            if (enough(up_to<Weights>(middle)))
                high = middle;
            else
                low = middle + 1;
        }
        return low;
    }
};

template <class T>
DEVICE i64 draw(const T *x, i64 n, float u, double p, float temperature, i64 top_k) {
    u64 least = ~0ull, most = 0;
    int odd = 0;
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
        const u64 place = place_of(x[i], i);
        const float logit = widen(x[i]);
        least = place < least ? place : least, most = place > most ? place : most;
        odd |= logit != logit;
    }
    __shared__ u64 leasts[WARPS], mosts[WARPS];
#pragma unroll
    for (int step = 16; step; step /= 2) {
        const u64 a = __shfl_xor_sync(0xffffffffu, least, step), b = __shfl_xor_sync(0xffffffffu, most, step);
        least = a < least ? a : least, most = b > most ? b : most;
    }
    if (__syncthreads_or(odd)) return -1;
    if (threadIdx.x % 32 == 0) leasts[threadIdx.x / 32] = least, mosts[threadIdx.x / 32] = most;
    __syncthreads();
    for (int w = 0; w < blockDim.x / 32; w++)
        least = leasts[w] < least ? leasts[w] : least, most = mosts[w] > most ? mosts[w] : most;
    const Row<T> row = {x, n, least, logit_of(least), temperature};
    if (n == 0 || row.top == -INF) return -1;
    if (temperature == 0) return static_cast<i64>(least & 0xffffffffu);
    if (top_k > 0 && top_k < n)
        most = row.template first<false>(most, [&](double count) { return count >= static_cast<double>(top_k); });
    const double share = p * row.template up_to<true>(most);
    most = p == 0 ? least : row.template first<true>(most, [&](double mass) { return mass >= share; });
    const double drawn = static_cast<double>(u) * row.template up_to<true>(most);
    return static_cast<i64>(row.template first<true>(most, [&](double mass) { return mass > drawn; }) & 0xffffffffu);
}

#define DEFINE(T, NAME)                                                                                               \
    KERNEL(1024) sample_top_p_v1_search_##NAME(const T *logits, const float *u, i64 *token, i64 rows, i64 n,       \
                                                  double p, double temperature, i64 top_k) {                          \
        for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {                                                    \
            const i64 found = draw(logits + row * n, n, u[row], p, static_cast<float>(temperature), top_k);           \
            if (threadIdx.x == 0) token[row] = found;                                                                 \
            __syncthreads();                                                                                          \
        }                                                                                                             \
    }
DEFINE(float, f32)
DEFINE(bf16, bf16)
DEFINE(f16, f16)
