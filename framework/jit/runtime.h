// What generated code calls: functions of one element that the compiler turns into vector code inside a loop (no
// branches, no tables, no calls), and how it reaches NumPy's arrays and matrix products.
//
// The errors stated are the largest over all floats. NaN stays NaN; subnormal results of `exp` are given as zero.
// Functions of doubles, and what is seldom used, are the C library's.
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define INLINE static inline __attribute__((always_inline))

INLINE float as_float(int32_t x) { float y; memcpy(&y, &x, 4); return y; }
INLINE int32_t as_int(float x) { int32_t y; memcpy(&y, &x, 4); return y; }

// Cody and Waite's reduction to |r| <= ln2 / 2, a polynomial, and the power of two in two factors, because 2^128 is
// no float.
INLINE float exp_of_rest(float x, int32_t *power) {
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number, kept in the low bits
    float shifted = x * 1.44269504088896341f + magic, n = shifted - magic;
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.381454362e-03f;
    p = p * r + 8.368714866e-03f;
    p = p * r + 4.166838864e-02f;
    p = p * r + 1.666652065e-01f;
    p = p * r + 4.999999345e-01f;
    *power = as_int(shifted) - as_int(magic);
    return p * r * r + r + 1.0f;
}

INLINE float fast_exp(float x) {  // 1 ulp
    int32_t power;
    float p = exp_of_rest(x > 89.0f ? 89.0f : x < -88.0f ? -88.0f : x, &power);
    int32_t half = power >> 1;
    float y = p * as_float((half + 127) << 23) * as_float((power - half + 127) << 23);
    return x < -87.336544f ? 0.0f : y;
}

INLINE float near_exp(float x) {  // the same from -80 to 80, in fewer steps
    int32_t power;
    float p = exp_of_rest(x, &power);
    return as_float(as_int(p) + (power << 23));
}

INLINE float fast_log(float x) {  // 1 ulp; twice the inverse hyperbolic tangent of (m - 1) / (m + 1)
    int tiny = x < 1.17549435e-38f;
    float scaled = tiny ? x * 8388608.0f : x;
    int32_t raised = as_int(scaled) - 0x3f3504f3;  // mantissa between sqrt(1/2) and sqrt(2)
    float n = (float)((raised >> 23) - (tiny ? 23 : 0));
    float m = as_float((raised & 0x7fffff) + 0x3f3504f3), f = m - 1.0f;
    float s = f / (m + 1.0f), z = s * s;
    float p = z * (6.666677610e-01f + z * (3.997757148e-01f + z * 2.987101196e-01f));
    float half = 0.5f * f * f;
    float y = n * 0.693359375f + (f - (half - (s * (half + p) - n * 2.12194440e-4f)));
    y = x > 3.40282347e38f ? x : y;
    return x > 0.0f ? y : x == 0.0f ? -INFINITY : NAN;
}

INLINE float fast_tanh(float x) {  // 2 ulp: odd around 0, so that small arguments keep their precision
    float a = fabsf(x), z = x * x;
    float p = -5.704985000e-03f;
    p = p * z + 2.063908428e-02f;
    p = p * z - 5.373971537e-02f;
    p = p * z + 1.333144158e-01f;
    p = p * z - 3.333328068e-01f;
    float near = x + x * (z * p);
    float far = 1.0f - 2.0f / (near_exp(2.0f * (a > 10.0f ? 10.0f : a)) + 1.0f);
    return a < 0.6f ? near : copysignf(far, x);
}

INLINE float fast_erf(float x) {  // 1 ulp: a polynomial times x up to 0.95, 1 - exp of a polynomial above
    float a = fabsf(x), s = x * x, t = a > 4.05f ? 4.05f : a;
    float p = -5.862075273e-04f;
    p = p * s + 4.967505267e-03f;
    p = p * s - 2.674886300e-02f;
    p = p * s + 1.128132064e-01f;
    p = p * s - 3.761244593e-01f;
    p = p * s + 3.379142310e-03f;
    float near = x * p + x * 1.125f;
    float q = -1.043284946e-05f;
    q = q * t + 3.148555729e-04f;
    q = q * t - 3.610332087e-03f;
    q = q * t + 2.369454608e-02f;
    q = q * t - 1.061590272e-01f;
    q = q * t - 6.351980469e-01f;
    q = q * t - 1.286370720e-01f;
    float far = copysignf(1.0f - near_exp(q * t - t), x);
    return a < 0.95f ? near : x != x ? x : far;
}

INLINE float fast_sigmoid(float x) {  // 2 ulp: the exponential of what is not positive adds the least error
    float e = fast_exp(-fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

// One of these functions as one that is called, for vectors too.
#define CALLED(name)                                                              \
    _Pragma("omp declare simd notinbranch") static __attribute__((noinline, const)) \
    float called_##name(float x) { return fast_##name(x); }

// ---- NumPy's arrays, read as kernels/toolchain/enter.c does

struct array {
    intptr_t references;
    const void *type;
    char *data;
    int axes;
    const int64_t *shape, *strides;
    const void *base, *dtype;
    int flags;
};
struct tuple {
    intptr_t references;
    const void *type;
    intptr_t length;
    const struct array *item[];
};
enum { IS_CONTIGUOUS = 0x1, IS_ALIGNED = 0x100, IS_WRITEABLE = 0x400, USABLE = IS_CONTIGUOUS | IS_ALIGNED };

// ---- what generated code reaches the outside by

typedef void sgemm_t(int, int, int, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *, int64_t,
                     float, float *, int64_t);
typedef void dgemm_t(int, int, int, int64_t, int64_t, int64_t, double, const double *, int64_t, const double *, int64_t,
                     double, double *, int64_t);
struct blas { /* of the process: how many threads a product takes is set for all callers */
    void (*set_threads)(int);
    int (*get_threads)(void);
    int lock, users, before;
};
struct env {
    sgemm_t *sgemm;
    dgemm_t *dgemm;
    struct blas *blas; /* null where the number of its threads cannot be set */
    int unpacked; /* does it multiply small operands as they lie? */
    const void *ndarray;
    const int *threads;
    int (*host)(int, void **);
    int64_t *clock; /* when each kernel began and the last one ended, in ns; null unless somebody profiles */
    void *(*leave)(void); /* Python's lock: let it go, take it again, */
    void (*enter)(void *);
    int (*hold)(void); /* hold it for a moment, */
    void (*release)(int);
    int (*signals)(void); /* and run what signals wait for */
};
enum { ROWS = 101, PLAIN = 111, TRANSPOSED = 112 };

static inline int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// A loop may last: ten times a second Python looks for signals. Not 0: one of them, Ctrl-C for instance, has raised.
static inline int64_t tenths(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return t.tv_sec * 10 + t.tv_nsec / 100000000;
}
static inline int interrupted(const struct env *env, int64_t *looked) {
    int64_t at = tenths();
    if (__builtin_expect(at == *looked, 1)) return 0;
    *looked = at;
    int held = env->hold(), raised = env->signals();
    env->release(held);
    return raised;
}

#define CLOCK(i)                                                                                            \
    if (__builtin_expect(env->clock != 0, 0)) env->clock[i] = now();

// ---- rows by indices, running sums (native.py)

// Where an index points among n; -1, once the host has been told, where it is out of range.
static int64_t among(const struct env *env, int64_t index, int64_t n) {
    int64_t at = index < 0 ? index + n : index;
    if ((uint64_t)at < (uint64_t)n) return at;
    int64_t fault[] = {index, n};
    env->host(-1, (void **)fault);
    return -1;
}

static int64_t row_of(const struct env *env, int64_t i, int dims, const int64_t *const *index, const int64_t *sizes) {
    int64_t row = 0;
    for (int d = 0; d < dims; d++) {
        int64_t at = among(env, index[d][i], sizes[d]);
        if (at < 0) return -1;
        row = row * sizes[d] + at;
    }
    return row;
}

#define ROWS_BY_INDEX \
    int64_t count, int dims, const int64_t *const *index, const int64_t *sizes, int64_t width

static inline int gather(const struct env *env, char *out, const char *x, int64_t bytes, ROWS_BY_INDEX) {
    for (int64_t i = 0; i < count; i++) {
        int64_t row = row_of(env, i, dims, index, sizes);
        if (row < 0) return 1;
        memcpy(out + i * width * bytes, x + row * width * bytes, width * bytes);
    }
    return 0;
}

static inline int scatter(const struct env *env, char *out, const char *x, const char *v, int64_t total, int64_t bytes,
                          ROWS_BY_INDEX) {
    memcpy(out, x, total);
    for (int64_t i = 0; i < count; i++) {
        int64_t row = row_of(env, i, dims, index, sizes);
        if (row < 0) return 1;
        memcpy(out + row * width * bytes, v + i * width * bytes, width * bytes);
    }
    return 0;
}

// Seen as (before, n, after): element (b, i[b, j, a], a) of x for every (b, j, a), of which there are m along j.
static inline int take_along(const struct env *env, char *out, const char *x, const void *i, int64_t bytes,
                             int64_t before, int64_t n, int64_t m, int64_t after) {
    const int64_t *index = i;
    for (int64_t b = 0; b < before; b++)
        for (int64_t j = 0; j < m * after; j++, index++, out += bytes) {
            int64_t at = among(env, *index, n);
            if (at < 0) return 1;
            memcpy(out, x + ((b * n + at) * after + j % after) * bytes, bytes);
        }
    return 0;
}

#define ADDING(T)                                                                                               \
    static inline int scatter_add_##T(const struct env *env, void *to, const void *g, int64_t total, ROWS_BY_INDEX) { \
        T *out = to;                                                                                            \
        memset(out, 0, total * sizeof(T));                                                                      \
        for (int64_t i = 0; i < count; i++) {                                                                   \
            int64_t row = row_of(env, i, dims, index, sizes);                                                   \
            if (row < 0) return 1;                                                                              \
            const T *from = (const T *)g + i * width;                                                           \
            for (int64_t j = 0; j < width; j++) out[row * width + j] += from[j];                                \
        }                                                                                                       \
        return 0;                                                                                               \
    }                                                                                                           \
    static inline int add_along_##T(const struct env *env, void *to, const void *g, const void *i, int64_t before,  \
                                    int64_t n, int64_t m, int64_t after) {                                      \
        T *out = to;                                                                                            \
        const T *from = g;                                                                                      \
        const int64_t *index = i;                                                                               \
        memset(out, 0, before * n * after * sizeof(T));                                                         \
        for (int64_t b = 0; b < before; b++)                                                                    \
            for (int64_t j = 0; j < m * after; j++) {                                                           \
                int64_t at = among(env, *index++, n);                                                           \
                if (at < 0) return 1;                                                                           \
                out[(b * n + at) * after + j % after] += *from++;                                               \
            }                                                                                                   \
        return 0;                                                                                               \
    }                                                                                                           \
    static inline int cumsum_##T(void *to, const void *x, int64_t before, int64_t n, int64_t after) {           \
        T *out = to;                                                                                            \
        memcpy(out, x, before * n * after * sizeof(T));                                                         \
        for (int64_t b = 0; b < before; b++, out += n * after)                                                  \
            for (int64_t j = after; j < n * after; j++) out[j] += out[j - after];                               \
        return 0;                                                                                               \
    }
ADDING(float)
ADDING(double)
ADDING(int64_t)
ADDING(int32_t)

int omp_get_thread_num(void);
int omp_get_num_threads(void);

// Products are cut among our threads, each of which computes its own part. BLAS's threads wait for each other
// within a product, and for processors that ours have: beside them, a step took up to 30 times as long.
static inline void share_blas(struct blas *blas, int begins) {
    while (__atomic_test_and_set(&blas->lock, __ATOMIC_ACQUIRE)) {}
    if (begins && blas->users++ == 0) {
        blas->before = blas->get_threads();
        blas->set_threads(1);
    } else if (!begins && --blas->users == 0) {
        blas->set_threads(blas->before);
    }
    __atomic_clear(&blas->lock, __ATOMIC_RELEASE);
}

// OpenBLAS packs large operands into blocks before it multiplies them; small ones it multiplies as they lie, which
// on a Zen 4 is quicker, for large products too if they are cut into small ones. A right operand that is transposed it
// multiplies at half the speed. So a strip of the right operand at a time is laid out row behind row.
enum { SMALL = 1000000 /* multiplications, OpenBLAS's own limit */, STRIP = 64, DEEP = 1024, BLOCK = 8 };
typedef float lanes __attribute__((vector_size(4 * BLOCK)));
typedef int32_t order __attribute__((vector_size(4 * BLOCK)));

INLINE void transposed_block(const float *x, int64_t step, float *y, int64_t next) {
    lanes r[BLOCK], s[BLOCK];
    _Pragma("GCC unroll 8") for (int i = 0; i < BLOCK; i++) memcpy(&r[i], x + i * step, sizeof(lanes));
    _Pragma("GCC unroll 8") for (int i = 0; i < BLOCK; i += 2) {
        s[i] = __builtin_shuffle(r[i], r[i + 1], (order){0, 8, 2, 10, 4, 12, 6, 14});
        s[i + 1] = __builtin_shuffle(r[i], r[i + 1], (order){1, 9, 3, 11, 5, 13, 7, 15});
    }
    _Pragma("GCC unroll 8") for (int i = 0; i < BLOCK; i++) {
        if (i & 2) continue;
        r[i] = __builtin_shuffle(s[i], s[i + 2], (order){0, 1, 8, 9, 4, 5, 12, 13});
        r[i + 2] = __builtin_shuffle(s[i], s[i + 2], (order){2, 3, 10, 11, 6, 7, 14, 15});
    }
    _Pragma("GCC unroll 8") for (int i = 0; i < BLOCK / 2; i++) {
        s[i] = __builtin_shuffle(r[i], r[i + 4], (order){0, 1, 2, 3, 8, 9, 10, 11});
        s[i + 4] = __builtin_shuffle(r[i], r[i + 4], (order){4, 5, 6, 7, 12, 13, 14, 15});
    }
    _Pragma("GCC unroll 8") for (int i = 0; i < BLOCK; i++) memcpy(y + i * next, &s[i], sizeof(lanes));
}

// y[j, i] = x[i, j] of so many rows and columns of x; y has no gaps.
static void transpose(const float *x, int64_t step, float *y, int64_t rows, int64_t columns) {
    int64_t whole_rows = rows / BLOCK * BLOCK, whole = columns / BLOCK * BLOCK;
    for (int64_t j = 0; j < whole; j += BLOCK)
        for (int64_t i = 0; i < whole_rows; i += BLOCK)
            transposed_block(x + i * step + j, step, y + j * rows + i, rows);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i < whole_rows ? whole : 0; j < columns; j++) y[j * rows + i] = x[i * step + j];
}

static void unpacked_sgemm(const struct env *env, int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha,
                           const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                           int64_t ldc) {
    int64_t size = m * n * k;
    if (!env->unpacked || m < BLOCK || n < BLOCK || k > DEEP || (size <= SMALL && tb == PLAIN) ||
        (size > 4 * SMALL && ta == TRANSPOSED)) { /* it reads such a left operand across, over and over */
        env->sgemm(ROWS, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    float strip[STRIP * k];
    for (int64_t j = 0; j < n; j += STRIP) {
        int64_t columns = n - j < STRIP ? n - j : STRIP, rows = SMALL / (columns * k) / BLOCK * BLOCK;
        if (tb == PLAIN)
            for (int64_t i = 0; i < k; i++) memcpy(strip + i * columns, b + i * ldb + j, columns * sizeof(float));
        else transpose(b + j * ldb, ldb, strip, columns, k);
        for (int64_t i = 0; i < m; i += rows)
            env->sgemm(ROWS, ta, PLAIN, m - i < rows ? m - i : rows, columns, k, alpha,
                       a + i * (ta == PLAIN ? lda : 1), lda, strip, columns, beta, c + i * ldc + j, ldc);
    }
}

#define unpacked_dgemm(env, ...) (env)->dgemm(ROWS, __VA_ARGS__)

#define CUT_FROM (1 << 23) /* multiplications of a product: waking a thread takes as long as a million */
#define PRODUCT(T, gemm)                                                                                               \
    static inline void cut_##gemm(const struct env *env, int threads, int ta, int tb, int64_t m, int64_t n, int64_t k, \
                                  T alpha, const T *a, int64_t lda, const T *b, int64_t ldb, T beta, T *c,             \
                                  int64_t ldc) {                                                                       \
        if (threads < 2 || !env->blas || m * n * k < CUT_FROM) {                                                       \
            unpacked_##gemm(env, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);                                \
            return;                                                                                                    \
        }                                                                                                              \
        _Pragma("omp parallel num_threads(threads)") {                                                                 \
            int64_t part = omp_get_thread_num(), parts = omp_get_num_threads(), all = m > n ? m : n;                   \
            int64_t first = all * part / parts / 16 * 16;                                                              \
            int64_t size = (part + 1 == parts ? all : all * (part + 1) / parts / 16 * 16) - first;                     \
            if (m > n)                                                                                                 \
                unpacked_##gemm(env, ta, tb, size, n, k, alpha, a + first * (ta == PLAIN ? lda : 1), lda, b, ldb,      \
                                beta, c + first * ldc, ldc);                                                           \
            else                                                                                                       \
                unpacked_##gemm(env, ta, tb, m, size, k, alpha, a, lda, b + first * (tb == PLAIN ? 1 : ldb), ldb,      \
                                beta, c + first, ldc);                                                                 \
        }                                                                                                              \
    }
PRODUCT(float, sgemm)
PRODUCT(double, dgemm)

// Run `call` for parts [begin, end) of n steps on so many threads.
#define SPREAD(count, n, call)                                                                        \
    {                                                                                                 \
        const int team = count;                                                                       \
        if (team > 1) {                                                                               \
            _Pragma("omp parallel num_threads(team)") {                                               \
                int64_t part = omp_get_thread_num(), parts = omp_get_num_threads();                   \
                int64_t begin = (int64_t)(n) * part / parts, end = (int64_t)(n) * (part + 1) / parts; \
                call;                                                                                 \
            }                                                                                         \
        } else {                                                                                      \
            int64_t begin = 0, end = n;                                                               \
            call;                                                                                     \
        }                                                                                             \
    }
