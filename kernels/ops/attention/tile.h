// What the versions are made of: products of small matrices held in registers, tiles of keys turned so that a vector
// runs over keys, powers of two, and memory that a thread keeps between calls.
#pragma once
#include <cstdlib>
#include <utility>

#include "simd.h"

namespace tile {

using namespace simd;

#if defined(__AVX512F__)
constexpr int BLOCK_ROWS = 6, BLOCK_COLS = 4;  // 24 of 32 registers hold sums
#else
constexpr int BLOCK_ROWS = 6, BLOCK_COLS = 2;  // 12 of 16
#endif

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// At least `bytes` that stay with the thread, aligned for vectors and tiles; NULL where there is no memory.
inline char *kept(int64_t bytes) {
    struct Buffer {
        char *data = nullptr;
        int64_t size = 0;
        ~Buffer() { free(data); }
    };
    static thread_local Buffer buffer;
    if (buffer.size < bytes) {
        free(buffer.data);
        bytes = round_up(bytes, 4096);
        buffer.data = static_cast<char *>(aligned_alloc(64, bytes));
        buffer.size = buffer.data ? bytes : 0;
    }
    return buffer.data;
}

// 2 to the x for x up to 127; 0 below -126; NaN stays NaN. A whole number is split off by an addition that leaves it,
// biased as an exponent is, in the low bits. DEGREE 6: 1 ulp; 4: 3e-6, for weights that become bfloat16.
template <int DEGREE>
inline vf exp2(vf x) {
    const float magic = 12582912.0f + 127;
    vf shifted = x + magic;
    vf r = x - (shifted - magic);
    vf p;
    if constexpr (DEGREE == 4) {
        p = r * 9.582852944731712e-3f + 5.5906426161527634e-2f;
        p = p * r + 2.4024099111557007e-1f;
        p = p * r + 6.931241750717163e-1f;
    } else {
        p = r * 1.5353361959569156e-4f + 1.3398875016719103e-3f;
        p = p * r + 9.61843691766262e-3f;
        p = p * r + 5.5503323674201965e-2f;
        p = p * r + 2.4022647738456726e-1f;
        p = p * r + 6.931471824645996e-1f;
    }
    p = p * r + 1.0f;
    vf y = p * bits<vf>(bits<vi>(shifted) << 23);
    return x < -126.0f ? vf{} : y;
}

inline float top_of(vf x) {
#if defined(__AVX512F__)
    return _mm512_reduce_max_ps((__m512)x);
#elif defined(__AVX2__)
    __m128 h = _mm_max_ps(_mm256_castps256_ps128((__m256)x), _mm256_extractf128_ps((__m256)x, 1));
    h = _mm_max_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
#else
    return max_of(x);
#endif
}

inline vi load_int(const int32_t *p) {
    vi x;
    memcpy(&x, p, sizeof x);
    return x;
}

inline vi lanes() {
    vi x;
    for (int i = 0; i < W; i++) x[i] = i;
    return x;
}

// ---- products

// R rows and C vectors of c (+)= a b: c[i][j] += sum over t < k of a[i * row + t * step] * b[t * ldb + j]. Every
// element is summed in the order of t whatever R and C are, so splitting rows otherwise gives the same bits; and apart
// from what c had, which rounds less than adding one product after the other to it.
template <int R, int C>
__attribute__((noinline)) void block(float *c, int64_t ldc, const float *a, int64_t row, int64_t step, const float *b,
                                     int64_t ldb, int64_t k, bool add) {
    vf sums[R][C];
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 16
        for (int j = 0; j < C; j++) sums[i][j] = vf{};
    for (int64_t t = 0; t < k; t++, a += step, b += ldb) {
        vf line[C];
#pragma GCC unroll 16
        for (int j = 0; j < C; j++) line[j] = load(b + j * W);
#pragma GCC unroll 16
        for (int i = 0; i < R; i++) {
            vf x = splat(a[i * row]);
#pragma GCC unroll 16
            for (int j = 0; j < C; j++) sums[i][j] += x * line[j];
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 16
        for (int j = 0; j < C; j++) {
            float *to = c + i * ldc + j * W;
            store(to, add ? load(to) + sums[i][j] : sums[i][j]);
        }
}

template <int C>
inline void strip(float *c, int64_t ldc, const float *a, int64_t row, int64_t step, const float *b, int64_t ldb,
                  int64_t m, int64_t k, bool add) {
    int64_t i = 0;
    for (; i + BLOCK_ROWS <= m; i += BLOCK_ROWS)
        block<BLOCK_ROWS, C>(c + i * ldc, ldc, a + i * row, row, step, b, ldb, k, add);
    for (; i + 3 <= m; i += 3) block<3, C>(c + i * ldc, ldc, a + i * row, row, step, b, ldb, k, add);
    for (; i < m; i++) block<1, C>(c + i * ldc, ldc, a + i * row, row, step, b, ldb, k, add);
}

// c[m][n] (+)= a[m][k] b[k][n], with n a multiple of W and any strides of a.
inline void product(float *c, int64_t ldc, const float *a, int64_t row, int64_t step, const float *b, int64_t ldb,
                    int64_t m, int64_t n, int64_t k, bool add) {
    for (; n >= BLOCK_COLS * W; n -= BLOCK_COLS * W, c += BLOCK_COLS * W, b += BLOCK_COLS * W)
        strip<BLOCK_COLS>(c, ldc, a, row, step, b, ldb, m, k, add);
    if (n >= 2 * W && BLOCK_COLS > 2) {
        strip<2>(c, ldc, a, row, step, b, ldb, m, k, add);
        n -= 2 * W, c += 2 * W, b += 2 * W;
    }
    if (n >= W) strip<1>(c, ldc, a, row, step, b, ldb, m, k, add);
}

// ---- tiles

template <int S, class V, int... J>
inline void exchange(V &a, V &b, std::integer_sequence<int, J...>) {
    V low = __builtin_shufflevector(a, b, ((J & S) ? W + J - S : J)...);
    b = __builtin_shufflevector(a, b, ((J & S) ? W + J : J + S)...);
    a = low;
}

template <int S, class V>
inline void flip_step(V *r) {
    if constexpr (S < W) {
#pragma GCC unroll 16
        for (int i = 0; i < W; i++)
            if (!(i & S)) exchange<S>(r[i], r[i + S], std::make_integer_sequence<int, W>());
        flip_step<2 * S>(r);
    }
}

// Rows become columns: W vectors of W lanes.
template <class V>
inline void flip(V (&r)[W]) {
    flip_step<1>(r);
}

template <class T>
inline vf load_part(const T *x, int64_t n) {
    return n >= W ? load(x) : load_some(x, int(n), 0);
}

// y[t][i] = x[i][t] for n rows of d; zeros for rows that are not `there` and up to a multiple of W. Rows of y are ldy
// apart.
template <class T>
inline void turn(const T *x, const uint8_t *there, int64_t n, int64_t d, float *y, int64_t ldy) {
    for (int64_t i = 0; i < n; i += W)
        for (int64_t t = 0; t < d; t += W) {
            vf r[W];
            if (i + W <= n && t + W <= d && !there) {
#pragma GCC unroll 16
                for (int l = 0; l < W; l++) r[l] = load(x + (i + l) * d + t);
                flip(r);
#pragma GCC unroll 16
                for (int l = 0; l < W; l++) store(y + (t + l) * ldy + i, r[l]);
                continue;
            }
            for (int l = 0; l < W; l++)
                r[l] = i + l < n && (!there || there[i + l]) ? load_part(x + (i + l) * d + t, d - t) : vf{};
            flip(r);
            for (int l = 0; l < W && t + l < d; l++) store(y + (t + l) * ldy + i, r[l]);
        }
}

// y[i][t] = x[i][t], rows ldy (a multiple of W, d or more) apart, zeros between and for rows that are not `there`.
// Whether all of it was finite.
template <class T>
inline bool widen_rows(const T *x, const uint8_t *there, int64_t n, int64_t d, float *y, int64_t ldy) {
    vf odd = {};
    for (int64_t i = 0; i < n; i++, x += d, y += ldy)
        for (int64_t t = 0; t < ldy; t += W) {
            vf r = t < d && (!there || there[i]) ? load_part(x + t, d - t) : vf{};
            odd += r - r;  // 0, or NaN
            store(y + t, r);
        }
    return sum(odd) == 0;
}

// x[i] = y[i], rounded.
template <class T>
inline void narrow_row(const float *y, int64_t n, T *x) {
    int64_t i = 0;
    for (; i + W <= n; i += W) store(x + i, load(y + i));
    if (i < n) store_some(x + i, int(n - i), load(y + i));
}

}  // namespace tile
