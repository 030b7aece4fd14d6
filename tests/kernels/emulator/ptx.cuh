// What include/cuda/ptx.cuh has as PTX, in C++ for the emulator: the same functions, and the same results but for
// the last bits of approximations.
#pragma once

#define DEVICE inline

inline unsigned short to_bf16(float x) {
    const unsigned u = __float_as_uint(x);
    if (x != x) return 0x7fff;
    return static_cast<unsigned short>((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
inline unsigned short to_f16(float x) {
    if (x != x) return 0x7fff;
    const _Float16 h = static_cast<_Float16>(x);
    unsigned short bits;
    memcpy(&bits, &h, sizeof bits);
    return bits;
}
inline float from_f16(unsigned short bits) {
    _Float16 h;
    memcpy(&h, &bits, sizeof h);
    return h;
}
inline unsigned to_bf16x2(float low, float high) { return to_bf16(low) | static_cast<unsigned>(to_bf16(high)) << 16; }
inline unsigned to_f16x2(float low, float high) { return to_f16(low) | static_cast<unsigned>(to_f16(high)) << 16; }
inline unsigned to_tf32(float x) {
    const unsigned u = __float_as_uint(x);
    return x - x == 0 ? (u + 0x1000) & ~0x1fffu : u;
}
inline float fast_exp(float x) { return exp2f(x * 1.4426950408889634f); }
inline float fast_exp2(float x) { return exp2f(x); }

inline uint4 load16(const void *p) {
    if (reinterpret_cast<uint64_t>(p) % 16) emulator::fail("16 bytes read between borders");
    return *static_cast<const uint4 *>(p);
}
inline void store16(void *p, uint4 x) {
    if (reinterpret_cast<uint64_t>(p) % 16) emulator::fail("16 bytes written between borders");
    *static_cast<uint4 *>(p) = x;
    using namespace emulator;
    const char *to = static_cast<char *>(p);
    if (to >= dynamic && to < dynamic + sizeof dynamic) fibers[current].unfenced = true;
}

inline void *dynamic_shared() { return emulator::dynamic_begin(); }
inline unsigned shared_address(const void *p) {
    return static_cast<unsigned>(static_cast<const char *>(p) - emulator::dynamic_begin()) + emulator::SHARED_BASE;
}

// Copies arrive when they are waited for, not before.
namespace emulator {
struct Copy {
    void *to;
    uint4 what;
};
constexpr int COPIES = 256, GROUPS = 16;
struct Copies {
    Copy copy[COPIES];
    int group[COPIES], copies, groups;
};
static Copies under_way[MOST];
}  // namespace emulator

inline void copy_async(void *to, const void *from, bool inside = true) {
    using namespace emulator;
    Copies &mine = under_way[current];
    if (mine.copies == COPIES) fail("too many copies under way for the emulator");
    mine.group[mine.copies] = mine.groups;
    mine.copy[mine.copies++] = {to, inside ? load16(from) : uint4{0, 0, 0, 0}};
}
inline void copy_commit() { emulator::under_way[emulator::current].groups++; }
template <int Left>
inline void copy_wait() {
    using namespace emulator;
    Copies &mine = under_way[current];
    int kept = 0;
    for (int i = 0; i < mine.copies; i++) {
        if (mine.group[i] < mine.groups - Left)
            store16(mine.copy[i].to, mine.copy[i].what);
        else
            mine.copy[kept] = mine.copy[i], mine.group[kept++] = mine.group[i];
    }
    mine.copies = kept;
    if (!kept) mine.groups = 0;
}

// ---- tensor cores by warps: every lane looks at what the others hold

inline void load_matrices(unsigned (&to)[4], const void *row, bool transposed = false) {
    using namespace emulator;
    if (reinterpret_cast<uint64_t>(row) % 16) fail("a row of ldmatrix between borders");
    const uint64_t *rows = exchange(~0u, to_bits(row));
    const int lane = current % WARP, r = lane / 4, c = 2 * (lane % 4);
    for (int m = 0; m < 4; m++) {
        const auto at = [&](int i, int j) {
            return from_bits<const unsigned short *>(rows[8 * m + (transposed ? j : i)])[transposed ? i : j];
        };
        to[m] = at(r, c) | static_cast<unsigned>(at(r, c + 1)) << 16;
    }
    exchanged(~0u);
}
inline void load_matrices_transposed(unsigned (&to)[4], const void *row) { load_matrices(to, row, true); }

namespace emulator {
template <class C, class Element>
inline void mma(C (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, int per, Element element) {
    static unsigned all_a[MOST][4], all_b[MOST][2];
    memcpy(all_a[current], a, sizeof a);
    all_b[current][0] = b0, all_b[current][1] = b1;
    exchanged(~0u);
    const int first = current / WARP * WARP, lane = current % WARP;
    for (int i = 0; i < 4; i++) {
        const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
        for (int k = 0; k < 8 * per; k++) {  // `per` elements to a register, four lanes, two halves
            const int half = k / (4 * per), t = k % (4 * per) / per, e = k % per;
            c[i] += element(all_a[first + row % 8 * 4 + t][row / 8 + 2 * half], e) *
                    element(all_b[first + column * 4 + t][half], e);
        }
    }
    exchanged(~0u);
}
}  // namespace emulator

inline void mma_bf16(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    emulator::mma(c, a, b0, b1, 2, [](unsigned x, int e) { return __uint_as_float(e ? x & 0xffff0000u : x << 16); });
}
inline void mma_f16(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    emulator::mma(c, a, b0, b1, 2, [](unsigned x, int e) { return from_f16(static_cast<unsigned short>(x >> 16 * e)); });
}
inline void mma_s8(int (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    emulator::mma(c, a, b0, b1, 4, [](unsigned x, int e) { return int(static_cast<signed char>(x >> 8 * e)); });
}
inline void mma_tf32(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    emulator::mma(c, a, b0, b1, 1, [](unsigned x, int) {
        if (x & 0x1fff) emulator::fail("an operand that is not rounded to tf32");
        return __uint_as_float(x);
    });
}
