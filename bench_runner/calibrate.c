/* What one core of this machine does at best: operations a second by instruction set, bytes a second by
 * working set. Run by calibration.py, which says what each figure is for.
 *
 * Theory of operation. Other work on the machine can only make a figure too low, so every figure is the best
 * of many short runs: one that nobody disturbed is enough. Each instruction set has a function of its own,
 * compiled for it by a target attribute; the caller names only those that the CPU has. What is measured must
 * be at least as fast as any honest kernel, so copying is tried with ordinary and with streaming stores, and
 * memory is asked for in huge pages.
 *
 *   calibrate ops SET SECONDS             one line "KIND RATE" for each kind of number that the set calculates with
 *   calibrate bytes WIDTH SECONDS SIZE…   one line "SIZE COPY READ" each
 * Exit status 3: this program was built by a compiler without the set, or the kernel does not grant it.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET(names) __attribute__((target(names), noinline))
#else
#define TARGET(names) __attribute__((noinline))
#endif

enum { CHAINS = 12, STEPS = 20000 }; /* two units of latency 4 to 6 need 8 to 12 chains; 16 registers exist */
static volatile double sink;
static double patience; /* seconds for one figure */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* The best rate of `run`, which does `work` operations. */
static double best_rate(double (*run)(void), double work) {
    double best = 0, end = now() + patience;
    do {
        double start = now();
        sink += run();
        double rate = work / (now() - start);
        if (rate > best) best = rate;
    } while (now() < end);
    return best;
}

#define FUSED(NAME, ATTRIBUTES, TYPE, WIDTH)                                                       \
    ATTRIBUTES static double NAME(void) {                                                          \
        typedef TYPE vec __attribute__((vector_size(WIDTH)));                                      \
        vec acc[CHAINS], a, b;                                                                     \
        for (unsigned l = 0; l < WIDTH / sizeof(TYPE); l++) { a[l] = 0.999f; b[l] = 1e-3f; }       \
        for (int c = 0; c < CHAINS; c++) acc[c] = b + (TYPE)c;                                     \
        for (long i = 0; i < STEPS; i++)                                                           \
            for (int c = 0; c < CHAINS; c++) acc[c] = acc[c] * a + b;                              \
        double total = 0;                                                                          \
        for (int c = 0; c < CHAINS; c++) total += acc[c][0];                                       \
        return total;                                                                              \
    }

#define PLAIN(NAME, TYPE)                                                                          \
    __attribute__((optimize("no-tree-vectorize", "no-tree-slp-vectorize"), noinline))              \
    static double NAME(void) {                                                                     \
        TYPE acc[CHAINS], a = 0.999f + (TYPE)sink * 0, b = 1e-3f;                                  \
        for (int c = 0; c < CHAINS; c++) acc[c] = b + c;                                           \
        for (long i = 0; i < STEPS; i++)                                                           \
            for (int c = 0; c < CHAINS; c++) acc[c] = acc[c] * a + b;                              \
        double total = 0;                                                                          \
        for (int c = 0; c < CHAINS; c++) total += acc[c];                                          \
        return total;                                                                              \
    }

PLAIN(scalar_f32, float)
PLAIN(scalar_f64, double)
FUSED(vector_f32, TARGET("sse2"), float, 16)
FUSED(vector_f64, TARGET("sse2"), double, 16)
#if defined(__x86_64__)
FUSED(avx2_f32, TARGET("avx2,fma"), float, 32)
FUSED(avx2_f64, TARGET("avx2,fma"), double, 32)
FUSED(avx512_f32, TARGET("avx512f"), float, 64)
FUSED(avx512_f64, TARGET("avx512f"), double, 64)
#endif

static void say(const char *kind, double rate) { printf("%s %.0f\n", kind, rate); }

/* Single and double precision, so many numbers at a time; a multiplication with an addition counts two. */
static void both(double (*single)(void), double lanes, double (*twice)(void), double half_lanes) {
    say("f32", best_rate(single, 2 * lanes * CHAINS * STEPS));
    say("f64", best_rate(twice, 2 * half_lanes * CHAINS * STEPS));
}

#if defined(__x86_64__) && __GNUC__ >= 12
#define CHAINED(NAME, FEATURES, VEC, ZERO, STEP)                                                   \
    TARGET(FEATURES) static double NAME(void) {                                                    \
        VEC acc[CHAINS];                                                                           \
        for (int c = 0; c < CHAINS; c++) acc[c] = ZERO;                                            \
        for (long i = 0; i < STEPS; i++)                                                           \
            for (int c = 0; c < CHAINS; c++) STEP;                                                 \
        double total = 0;                                                                          \
        for (int c = 0; c < CHAINS; c++) total += *(unsigned char *)&acc[c];                       \
        return total;                                                                              \
    }
static __m512i ones;
CHAINED(avx512_bf16, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(),
        acc[c] = _mm512_dpbf16_ps(acc[c], (__m512bh)ones, (__m512bh)ones))
CHAINED(avx512_f16, "avx512f,avx512fp16", __m512h, _mm512_setzero_ph(),
        acc[c] = _mm512_fmadd_ph(acc[c], (__m512h)ones, (__m512h)ones))
CHAINED(avx512_int8, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512(),
        acc[c] = _mm512_dpbusd_epi32(acc[c], ones, ones))
static __m256i half_ones;
CHAINED(avx_int8, "avx2,avxvnni", __m256i, _mm256_setzero_si256(),
        acc[c] = _mm256_dpbusd_avx_epi32(acc[c], half_ones, half_ones))

enum { GET_TILES = 0x1023, TILE_DATA = 18, TILES = 4 };

/* Tiles are granted to a process on demand; 0 if they are not. */
TARGET("amx-tile") static int tiles_granted(void) {
    static struct { uint8_t palette, start, reserved[14]; uint16_t row_bytes[16]; uint8_t rows[16]; } shape;
    if (syscall(SYS_arch_prctl, GET_TILES, TILE_DATA)) return 0;
    shape.palette = 1;
    for (int t = 0; t < 8; t++) { shape.row_bytes[t] = 64; shape.rows[t] = 16; }
    _tile_loadconfig(&shape);
    return 1;
}

#define TILED(NAME, FEATURES, DOT)                                                                 \
    TARGET(FEATURES) static double NAME(void) {                                                    \
        _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3);                                \
        _tile_zero(4); _tile_zero(5); _tile_zero(6); _tile_zero(7);                                \
        for (long i = 0; i < STEPS / 20; i++) {                                                    \
            DOT(0, 4, 6); DOT(1, 4, 7); DOT(2, 5, 6); DOT(3, 5, 7);                                \
        }                                                                                          \
        return 0;                                                                                  \
    }
TILED(amx_bf16, "amx-tile,amx-bf16", _tile_dpbf16ps)
TILED(amx_int8, "amx-tile,amx-int8", _tile_dpbssd)

static int special(const char *set) {
    memset(&ones, 1, sizeof ones);
    memset(&half_ones, 1, sizeof half_ones);
    double chained = 2.0 * CHAINS * STEPS, tiled = 2.0 * 16 * 16 * TILES * (STEPS / 20);
    if (!strcmp(set, "avx512-bf16")) say("bf16", best_rate(avx512_bf16, 32 * chained));
    else if (!strcmp(set, "avx512-fp16")) say("f16", best_rate(avx512_f16, 32 * chained));
    else if (!strcmp(set, "avx512-vnni")) say("int8", best_rate(avx512_int8, 64 * chained));
    else if (!strcmp(set, "avx-vnni")) say("int8", best_rate(avx_int8, 32 * chained));
    else if (!strcmp(set, "amx-bf16") && tiles_granted()) say("bf16", best_rate(amx_bf16, 32 * tiled));
    else if (!strcmp(set, "amx-int8") && tiles_granted()) say("int8", best_rate(amx_int8, 64 * tiled));
    else return 3;
    return 0;
}
#else
static int special(const char *set) { (void)set; return 3; }
#endif

static int ops(const char *set) {
    if (!strcmp(set, "scalar")) both(scalar_f32, 1, scalar_f64, 1);
    else if (!strcmp(set, "vector")) both(vector_f32, 4, vector_f64, 2);
#if defined(__x86_64__)
    else if (!strcmp(set, "avx2")) both(avx2_f32, 8, avx2_f64, 4);
    else if (!strcmp(set, "avx512")) both(avx512_f32, 16, avx512_f64, 8);
#endif
    else return special(set);
    return 0;
}

/* Bytes. `width` is that of the widest load that the CPU has. */

typedef void Copy(char *to, const char *from, size_t n);
typedef float Sum(const char *from, size_t n);

#define WALKS(NAME, FEATURES, WIDTH, STREAM)                                                       \
    TARGET(FEATURES) static void copy_##NAME(char *to, const char *from, size_t n) {               \
        typedef float vec __attribute__((vector_size(WIDTH)));                                     \
        for (size_t i = 0; i < n; i += 4 * WIDTH)                                                  \
            for (int k = 0; k < 4; k++) ((vec *)(to + i))[k] = ((const vec *)(from + i))[k];       \
    }                                                                                              \
    TARGET(FEATURES) static void stream_##NAME(char *to, const char *from, size_t n) {             \
        typedef float vec __attribute__((vector_size(WIDTH)));                                     \
        for (size_t i = 0; i < n; i += WIDTH) STREAM((float *)(to + i), *(const vec *)(from + i)); \
    }                                                                                              \
    TARGET(FEATURES) static float sum_##NAME(const char *from, size_t n) {                         \
        typedef float vec __attribute__((vector_size(WIDTH)));                                     \
        vec s[8];                                                                                  \
        memset(s, 0, sizeof s);                                                                    \
        for (size_t i = 0; i < n; i += 8 * WIDTH)                                                  \
            for (int k = 0; k < 8; k++) s[k] += ((const vec *)(from + i))[k];                      \
        return (s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7])[0];                         \
    }

#if defined(__x86_64__)
WALKS(16, "sse2", 16, _mm_stream_ps)
WALKS(32, "avx2", 32, _mm256_stream_ps)
WALKS(64, "avx512f", 64, _mm512_stream_ps)
#else
#define STORE(to, value) (*(__typeof__(value) *)(to) = (value))
WALKS(16, "", 16, STORE)
#endif

static void copy_libc(char *to, const char *from, size_t n) { memcpy(to, from, n); }

static double copy_rate(Copy *copy, char *to, const char *from, size_t half, size_t rounds) {
    double start = now();
    for (size_t r = 0; r < rounds; r++) { copy(to, from, half); sink = to[r % half]; }
    return 2.0 * half * rounds / (now() - start);
}

static double read_rate(Sum *sum, const char *from, size_t half, size_t rounds) {
    double start = now();
    for (size_t r = 0; r < rounds; r++) sink = sum(from, half);
    return (double)half * rounds / (now() - start);
}

static char *memory(size_t size) {
    char *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) { perror("mmap"); exit(1); }
    madvise(at, size, MADV_HUGEPAGE);
    memset(at, 1, size);
    return at;
}

static void bytes(size_t set, Copy *const *copies, Sum *sum) {
    /* The halves of a small set lie side by side: the same address bits in both would collide in the cache. */
    size_t half = set / 2 / 512 * 512, rounds = half < (1 << 20) ? (1 << 20) / half : 1;
    char *from = memory(2 * half), *to = from + half;
    double copy = 0, read = 0, end = now() + patience;
    do {
        for (Copy *const *c = copies; *c; c++) {
            double rate = copy_rate(*c, to, from, half, rounds);
            if (rate > copy) copy = rate;
        }
        double rate = read_rate(sum, from, half, rounds);
        if (rate > read) read = rate;
    } while (now() < end);
    printf("%zu %.0f %.0f\n", set, copy, read);
    munmap(from, 2 * half);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    patience = atof(argv[3]);
    if (!strcmp(argv[1], "ops")) return ops(argv[2]);
    int width = atoi(argv[2]);
    Copy *copies[] = {copy_libc, copy_16, stream_16, 0};
    Sum *sum = sum_16;
#if defined(__x86_64__)
    if (width == 32) { copies[1] = copy_32; copies[2] = stream_32; sum = sum_32; }
    if (width == 64) { copies[1] = copy_64; copies[2] = stream_64; sum = sum_64; }
#else
    (void)width;
#endif
    for (int i = 4; i < argc; i++) bytes(strtoull(argv[i], 0, 10), copies, sum);
    return 0;
}
