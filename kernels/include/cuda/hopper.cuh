// What sm_90a adds: barriers in shared memory (mbarrier), matrix products by warpgroups (wgmma), registers moved
// between warps, and a ring of shared memory between threads that copy and threads that multiply.
//
// Theory of operation. One warpgroup (128 threads) copies; others multiply what it has copied, straight from shared
// memory, with sums in registers. wgmma reads shared memory through another path than ordinary stores and cp.async
// write it by, so who copied says `fence_async` before it tells a barrier. Between an instruction and the wait for
// it, nobody may touch its registers; ptxas checks that, and serialises the whole kernel where it is not so (C7510).
//
// Why no tensor maps (TMA): a map is 128 opaque bytes that only the driver makes, one for each address and shape, so
// nothing of them could be tried without a card, and every call would pay for making them. cp.async puts each piece of
// 16 bytes where the swizzle wants it, at the cost of some instructions in warps that do nothing else.
//
// The tests put a file of this name before this one (tests/kernels/emulator), which decodes the same descriptors.
#pragma once
#include <kernel.cuh>

constexpr int WARPGROUP = 128;
constexpr int LINE = 128;  // bytes of a line of a panel: what the swizzle works on

// ---- barriers: each wait is for the phase whose parity it names

DEVICE void barrier_init(u64 *barrier, u32 arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}
DEVICE void barrier_arrive(u64 *barrier) {
    asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.shared::cta.b64 state, [%0];\n}" ::"r"(shared_address(barrier))
                 : "memory");
}
DEVICE void barrier_wait(u64 *barrier, u32 parity) {
    u32 done = 0;
    while (!done)
        asm volatile(
            "{\n.reg .pred done;\nmbarrier.try_wait.parity.shared::cta.b64 done, [%1], %2;\nselp.u32 %0, 1, 0, done;\n}"
            : "=r"(done)
            : "r"(shared_address(barrier)), "r"(parity)
            : "memory");
}
// `threads` of the block wait for each other at barrier number `id`; number 0 is that of __syncthreads.
DEVICE void sync_some(int id, int threads) {
    asm volatile("barrier.sync.aligned %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
// What this thread has written to shared memory, wgmma sees.
DEVICE void fence_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// ---- registers of a thread, for all warps of a warpgroup

template <int Count>
DEVICE void take_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
}
template <int Count>
DEVICE void give_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
}

// ---- wgmma

// Before the first product, and whenever registers of one have been written to otherwise.
DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Waits until at most `Left` of the committed groups are under way.
template <int Left>
DEVICE void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Left) : "memory");
}
// Keeps the compiler from moving what is done with sums to before the wait.
template <int N>
DEVICE void wgmma_done(float (&c)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++) asm volatile("" : "+f"(c[i])::"memory");
}

// Where an operand lies, for wgmma: lines of 128 bytes, whose pieces of 16 are crossed with the line's number (the
// 128-byte swizzle; panels begin on borders of 1,024 bytes). `leading` and `stride` are distances in bytes:
//   deep (a line is 64 steps of depth): stride, from 8 lines to the next 8; leading is not looked at
//   flat (a line is 64 lines of the operand at one depth): stride, from 8 depths to the next 8; leading, from 64 lines
//   of the operand to the next 64
DEVICE u64 describe(u32 address, u32 leading, u32 stride) {
    return static_cast<u64>((address & 0x3ffff) >> 4) | static_cast<u64>(leading >> 4) << 16 |
           static_cast<u64>(stride >> 4) << 32 | 1ull << 62;
}

// c += a b with a 64 x 16, b 16 x N, c 64 x N, by a warpgroup. Of its 16 rows a warp's lane with q = lane/4, t =
// lane%4 holds c[4j], c[4j+1]: row q, columns 8j + 2t, +1; c[4j+2], c[4j+3]: row q+8. From registers, a is as in
// mma_bf16. FlatA, FlatB: the operand lies flat.
#define TEN(t) "%" #t "0, %" #t "1, %" #t "2, %" #t "3, %" #t "4, %" #t "5, %" #t "6, %" #t "7, %" #t "8, %" #t "9, "
#define FIFTY() TEN() TEN(1) TEN(2) TEN(3) TEN(4)
#define NAMES_64 TEN() TEN(1) TEN(2) "%30, %31"
#define NAMES_128 FIFTY() TEN(5) "%60, %61, %62, %63"
#define NAMES_256 \
    FIFTY() TEN(5) TEN(6) TEN(7) TEN(8) TEN(9) TEN(10) TEN(11) "%120, %121, %122, %123, %124, %125, %126, %127"
#define SUM4(i) "+f"(c[i]), "+f"(c[i + 1]), "+f"(c[i + 2]), "+f"(c[i + 3])
#define SUM16(i) SUM4(i), SUM4(i + 4), SUM4(i + 8), SUM4(i + 12)
#define SUM32(i) SUM16(i), SUM16(i + 16)
#define SUMS_64 SUM32(0)
#define SUMS_128 SUM32(0), SUM32(32)
#define SUMS_256 SUMS_128, SUM32(64), SUM32(96)
#define WGMMA(N, T, KIND, P0, P1, P2, P3, P4, P5)                                                                    \
    template <bool FlatA, bool FlatB>                                                                                \
    DEVICE void wgmma(float (&c)[N / 2], u64 a, u64 b, T) {                                                          \
        asm volatile("wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." KIND "." KIND " {" NAMES_##N "}, %" #P0       \
                     ", %" #P1 ", 1, 1, 1, %" #P2 ", %" #P3 ";"                                                      \
                     : SUMS_##N                                                                                      \
                     : "l"(a), "l"(b), "n"(int(FlatA)), "n"(int(FlatB)));                                            \
    }                                                                                                                \
    template <bool FlatB>                                                                                            \
    DEVICE void wgmma(float (&c)[N / 2], const u32 (&a)[4], u64 b, T) {                                              \
        asm volatile("wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." KIND "." KIND " {" NAMES_##N "}, {%" #P0      \
                     ", %" #P1 ", %" #P2 ", %" #P3 "}, %" #P4 ", 1, 1, 1, %" #P5 ";"                                 \
                     : SUMS_##N                                                                                      \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(int(FlatB)));                         \
    }
WGMMA(64, bf16, "bf16", 32, 33, 34, 35, 36, 37)
WGMMA(64, f16, "f16", 32, 33, 34, 35, 36, 37)
WGMMA(128, bf16, "bf16", 64, 65, 66, 67, 68, 69)
WGMMA(128, f16, "f16", 64, 65, 66, 67, 68, 69)
WGMMA(256, bf16, "bf16", 128, 129, 130, 131, 132, 133)
WGMMA(256, f16, "f16", 128, 129, 130, 131, 132, 133)
