// What a card can do at best: bytes a second, and products a second with each kind of number it has units for.
//
// Not in charge of timing (calibration.py). All operands are random: on zeros a card draws less power, keeps a
// higher clock and shows a speed that no honest kernel meets. Products of matrices run from registers
// (mma.sync) or, where the card has the asynchronous units of sm_90a, from shared memory (wgmma), which
// mma.sync cannot fill. What they compute means nothing; that it is stored keeps it from being left out.

typedef unsigned long long u64;
typedef unsigned int u32;

#define KERNEL extern "C" __global__ void __launch_bounds__(256)

static __device__ u32 random_bits(u32 x) {
    x = (x ^ 61u) ^ (x >> 16);
    x *= 9u;
    x ^= x >> 4;
    x *= 0x27d4eb2du;
    return x ^ (x >> 15);
}

// Two numbers of 16 bits, four of 8 or one of 32, each of moderate size and of random sign and digits.
static __device__ u32 random_bf16x2(u32 seed) { return (random_bits(seed) & 0x807f807fu) | 0x3f003f00u; }
[[maybe_unused]] static __device__ u32 random_e4m3x4(u32 seed) { return (random_bits(seed) & 0x87878787u) | 0x30303030u; }
static __device__ u32 random_f32(u32 seed) { return (random_bits(seed) & 0x807fffffu) | 0x3f000000u; }

KERNEL copy(const uint4 *from, uint4 *to, u64 count) {
    for (u64 i = blockIdx.x * 256ull + threadIdx.x; i < count; i += gridDim.x * 256ull) to[i] = from[i];
}

KERNEL read(const uint4 *from, uint4 *to, u64 count) {
    uint4 sum = {0, 0, 0, 0};
    for (u64 i = blockIdx.x * 256ull + threadIdx.x; i < count; i += gridDim.x * 256ull) {
        const uint4 x = from[i];
        sum.x ^= x.x, sum.y ^= x.y, sum.z ^= x.z, sum.w ^= x.w;
    }
    if (sum.x == 1 && sum.y == 2 && sum.z == 3) *to = sum;
}

KERNEL fill(u32 *to, u64 count) {
    for (u64 i = blockIdx.x * 256ull + threadIdx.x; i < count; i += gridDim.x * 256ull) to[i] = random_bits((u32)i);
}

// 32 multiply-adds a thread and round, in 16 chains that do not wait for each other.
KERNEL cores_f32(float *out, u32 rounds) {
    float x[16];
    const float a = __uint_as_float(random_f32(threadIdx.x) & 0x7fffffffu), b = __uint_as_float(random_f32(blockIdx.x));
#pragma unroll
    for (int i = 0; i < 16; i++) x[i] = __uint_as_float(random_f32(threadIdx.x * 16 + i));
    for (u32 k = 0; k < rounds; k++) {
#pragma unroll
        for (int i = 0; i < 16; i++) x[i] = fmaf(x[i], a, b);
#pragma unroll
        for (int i = 0; i < 16; i++) x[i] = fmaf(x[i], a, b);
    }
    float sum = 0;
#pragma unroll
    for (int i = 0; i < 16; i++) sum += x[i];
    out[blockIdx.x * 256 + threadIdx.x] = sum;
}

#define MMA(name, shape, kind, random)                                                                          \
    KERNEL name(float *out, u32 rounds) {                                                                       \
        float d[8][4] = {};                                                                                     \
        u32 a[4], b[2];                                                                                         \
        for (int i = 0; i < 4; i++) a[i] = random(threadIdx.x * 7 + i);                                         \
        for (int i = 0; i < 2; i++) b[i] = random(threadIdx.x * 5 + blockIdx.x + i);                            \
        for (u32 k = 0; k < rounds; k++) {                                                                      \
            _Pragma("unroll") for (int i = 0; i < 8; i++) asm volatile(                                         \
                "mma.sync.aligned." shape ".row.col.f32." kind "." kind                                         \
                ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"                                    \
                : "+f"(d[i][0]), "+f"(d[i][1]), "+f"(d[i][2]), "+f"(d[i][3])                                    \
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                            \
        }                                                                                                       \
        float sum = 0;                                                                                          \
        for (int i = 0; i < 8; i++) sum += d[i][0] + d[i][1] + d[i][2] + d[i][3];                               \
        out[blockIdx.x * 256 + threadIdx.x] = sum;                                                              \
    }

MMA(mma_tf32, "m16n8k8", "tf32", random_f32)
MMA(mma_bf16, "m16n8k16", "bf16", random_bf16x2)
#if __CUDA_ARCH__ >= 890
MMA(mma_fp8, "m16n8k32", "e4m3", random_e4m3x4)
#endif

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
// A tile of shared memory as wgmma is told of it: rows of 128 bytes, swizzled, eight of them 1024 bytes apart.
static __device__ u64 tile(const void *memory) {
    const u64 at = __cvta_generic_to_shared(memory);
    return ((at & 0x3ffff) >> 4) | (1ull << 16) | (64ull << 32) | (1ull << 62);
}

#define FOUR(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define SIXTEEN(d, i) FOUR(d, i), FOUR(d, i + 4), FOUR(d, i + 8), FOUR(d, i + 12)
#define WGMMA(name, shape, kind, more, random)                                                                  \
    KERNEL name(float *out, u32 rounds) {                                                                       \
        __shared__ alignas(1024) u32 a[2][64 * 32], b[128 * 32];                                                \
        for (int i = threadIdx.x; i < 2 * 64 * 32; i += 256) a[0][i] = random(i + blockIdx.x);                  \
        for (int i = threadIdx.x; i < 128 * 32; i += 256) b[i] = random(i + 77 * blockIdx.x);                   \
        __syncthreads();                                                                                        \
        asm volatile("fence.proxy.async;" ::: "memory");                                                        \
        const u64 left = tile(a[threadIdx.x / 128]), right = tile(b);                                           \
        float d[64] = {};                                                                                       \
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");                                                 \
        for (u32 k = 0; k < rounds; k++) {                                                                      \
            _Pragma("unroll") for (int i = 0; i < 4; i++) asm volatile(                                         \
                "wgmma.mma_async.sync.aligned." shape ".f32." kind "." kind " {"                                \
                "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15,"                         \
                "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31,"               \
                "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47,"               \
                "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, %64, %65, 1, 1, 1"\
                more ";"                                                                                        \
                : SIXTEEN(d, 0), SIXTEEN(d, 16), SIXTEEN(d, 32), SIXTEEN(d, 48)                                 \
                : "l"(left + 2 * i), "l"(right + 2 * i));                                                       \
            asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");                                      \
            asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");                                      \
        }                                                                                                       \
        float sum = 0;                                                                                          \
        for (int i = 0; i < 64; i++) sum += d[i];                                                               \
        out[blockIdx.x * 256 + threadIdx.x] = sum;                                                              \
    }

WGMMA(wgmma_tf32, "m64n128k8", "tf32", "", random_f32)
WGMMA(wgmma_bf16, "m64n128k16", "bf16", ", 0, 0", random_bf16x2)
WGMMA(wgmma_fp8, "m64n128k32", "e4m3", "", random_e4m3x4)
#endif
