// PTX instructions as functions, and the few things of the language that only a device compiler knows.
//
// Nothing else in the package contains PTX for sm_80 and up: the tests compile kernels for the processor with a
// file of this name put before this one (tests/kernels/emulator), so what is added here is added there.
#pragma once

#define DEVICE __device__ __forceinline__

// ---- conversions: to nearest, ties to even

DEVICE unsigned short to_bf16(float x) {
    unsigned short h;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(x));
    return h;
}
DEVICE unsigned short to_f16(float x) {
    unsigned short h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
    return h;
}
DEVICE float from_f16(unsigned short h) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
    return x;
}
// Two at once: the first in the lower half.
DEVICE unsigned to_bf16x2(float low, float high) {
    unsigned both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}
DEVICE unsigned to_f16x2(float low, float high) {
    unsigned both;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}
// To ten bits behind the leading one (tf32), halves away from zero.
DEVICE unsigned to_tf32(float x) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}
// e to the x within 2 ulp of float32 near 0 and less far from it: for what is rounded to 16 bits afterwards.
DEVICE float fast_exp(float x) {
    float y;
    asm("ex2.approx.f32 %0, %1;" : "=f"(y) : "f"(x * 1.4426950408889634f));
    return y;
}

// 2 to the x, as exact.
DEVICE float fast_exp2(float x) {
    float y;
    asm("ex2.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// ---- 16 bytes, on a border of 16

DEVICE uint4 load16(const void *p) { return *static_cast<const uint4 *>(p); }
DEVICE void store16(void *p, uint4 x) { *static_cast<uint4 *>(p) = x; }

// ---- shared memory

// The dynamic shared memory of the block, on a border of 16 bytes.
DEVICE void *dynamic_shared() {
    extern __shared__ uint4 dynamic_shared_memory[];
    return dynamic_shared_memory;
}
DEVICE unsigned shared_address(const void *p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }

// 16 bytes from global to shared memory behind the program's back; zeros where `inside` is false.
DEVICE void copy_async(void *to, const void *from, bool inside = true) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(inside ? 16 : 0)
                 : "memory");
}
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most `Left` of this thread's committed groups are under way.
template <int Left>
DEVICE void copy_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(Left) : "memory");
}

// ---- tensor cores by warps (sm_80)

// Four 8x8 matrices of 16-bit elements: lane 8m + r names row r of matrix m. A lane gets of each matrix the two
// elements at row lane/4 and columns 2*(lane%4), +1; with `transposed`, of the transposed matrix.
DEVICE void load_matrices(unsigned (&to)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
}
DEVICE void load_matrices_transposed(unsigned (&to)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// c += a b with a 16x16, b 16x8, c 16x8. With q = lane/4 and t = lane%4:
//   a[0], a[1], a[2], a[3]: rows q, q+8, q, q+8; columns 2t, 2t, 2t+8, 2t+8, and the next one in the upper half
//   b[0], b[1]: rows 2t and 2t+8, and the next one in the upper half; column q
//   c[0], c[1]: row q, columns 2t, 2t+1; c[2], c[3]: row q+8
DEVICE void mma_bf16(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
DEVICE void mma_f16(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
// The same for whole numbers: a 16x32, b 32x8 of int8, four to a register; a[0], a[1], a[2], a[3]: rows q, q+8, q,
// q+8, columns 4t, 4t, 4t+16, 4t+16 and the next three; b[0], b[1]: rows 4t, 4t+16 and the next three.
DEVICE void mma_s8(int (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
// And for tf32: a 16x8, b 8x8; a[0], a[1], a[2], a[3]: rows q, q+8, q, q+8, columns t, t, t+4, t+4; b[0], b[1]: rows t,
// t+4.
DEVICE void mma_tf32(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
