// What include/cuda/hopper.cuh has as PTX, in C++ for the emulator.
//
// Theory of operation. A product is written down when its 128 threads issue it, and computed either at once, when the
// last of them does (threads in ascending order), or not before somebody waits for it (descending): a panel that is
// filled again too early gives wrong sums in one of the two. Between issue and wait sums hold NaN, so nobody reads them
// unnoticed. Operands are found by the bits of their descriptors, read as the PTX ISA defines them for the 128-byte
// swizzle, on addresses within the 256 KiB that descriptors can name. Copies that a thread has waited for, and pieces of
// 16 bytes that it has stored, must be fenced before it arrives at a barrier, or wgmma need not see them.
#pragma once
#include <kernel.cuh>

#include <vector>

constexpr int WARPGROUP = 128;
constexpr int LINE = 128;

// ---- barriers: bits 0-15 arrivals still missing, 16-31 all of them, 63 the parity of the phase

inline void barrier_init(u64 *barrier, u32 arrivals) {
    if (reinterpret_cast<uint64_t>(barrier) % 8) emulator::fail("a barrier between borders of 8 bytes");
    *barrier = arrivals | arrivals << 16;
}
inline void barrier_arrive(u64 *barrier) {
    using namespace emulator;
    if (fibers[current].unfenced) fail("a barrier is told of copies that wgmma need not see: fence_async is missing");
    if (!(*barrier & 0xffff)) fail("more threads arrive at a barrier than it was made for");
    if ((--*barrier & 0xffff) == 0) *barrier = (*barrier & 1ull << 63 ^ 1ull << 63) | (*barrier >> 16 & 0xffff) * 0x10001;
    wait(READY);  // others go first: what they are told must be so now
}
inline void barrier_wait(u64 *barrier, u32 parity) {
    using namespace emulator;
    Fiber &me = fibers[current];
    me.barrier = reinterpret_cast<uint64_t *>(barrier), me.parity = parity;
    if (!me.passed()) wait(PHASE);
}
inline void sync_some(int id, int threads) {
    using namespace emulator;
    if (fibers[current].unfenced) fail("threads meet after stores that wgmma need not see: fence_async is missing");
    fibers[current].number = id, fibers[current].expected = threads;
    wait(SOME);
}
inline void fence_async() { emulator::fibers[emulator::current].unfenced = false; }

// ---- registers: a block begins with as many for each thread as a processor has room for

namespace emulator {
static int registers_of[MOST / WARPGROUP];  // of a thread of each warpgroup; 0: it has not said yet

inline void set_registers(int each) {
    const int groups = count / WARPGROUP, first = 65536 / count / 8 * 8;
    registers_of[current / WARPGROUP] = each;
    int all = 0;
    for (int i = 0; i < groups; i++) {
        if (!registers_of[i]) return;
        all += registers_of[i];
    }
    if (all > groups * first) fail("warpgroups wait for registers that nobody gives");
}
}  // namespace emulator

template <int Count>
inline void take_registers() {
    emulator::set_registers(Count);
}
template <int Count>
inline void give_registers() {
    emulator::set_registers(Count);
}

// ---- wgmma

namespace emulator {

struct Products {  // one instruction of a warpgroup
    float *c[WARPGROUP];
    u32 a[WARPGROUP][4];
    u64 from_a, from_b;
    bool registers, flat_a, flat_b, half, computed;
    int n, issued;
};
struct Sums {  // of a thread, out of its sight while products are added
    float *c;
    std::vector<float> true_ones;
    size_t last;  // instruction that adds to them
};
struct Warpgroup {
    std::vector<Products> all;
    std::vector<size_t> groups[WARPGROUP];  // where each committed group of a thread ends
    std::vector<Sums> sums[WARPGROUP];
    size_t next[WARPGROUP];  // instructions that each thread has issued
};
static Warpgroup warpgroups[MOST / WARPGROUP];

inline float element(const void *p, bool half) {
    const u16 bits = *static_cast<const u16 *>(p);
    return half ? from_f16(bits) : __uint_as_float(static_cast<u32>(bits) << 16);
}

// An address in shared memory as the swizzle changes it: bits 4 to 6 crossed with bits 7 to 9.
inline const char *swizzled_address(u64 address) {
    const u64 at = address ^ (address >> 7 & 7) << 4;
    if (at < SHARED_BASE || at + 2 > SHARED_BASE + dynamic_size) fail("wgmma reads beyond the block's shared memory");
    return dynamic_begin() + (at - SHARED_BASE);
}
// Element (line, depth) of what a descriptor describes.
inline float described(u64 d, bool flat, bool half, int line, int depth) {
    if (d >> 62 != 1) fail("the emulator only knows the 128-byte swizzle");
    if (d >> 49 & 7) fail("panels must begin on borders of 1,024 bytes");
    const u64 begin = (d & 0x3fff) << 4, leading = (d >> 16 & 0x3fff) << 4, stride = (d >> 32 & 0x3fff) << 4;
    const u64 at = flat ? begin + line / 64 * leading + depth / 8 * stride + depth % 8 * 128 + line % 64 * 2
                        : begin + line / 8 * stride + line % 8 * 128 + depth * 2;
    return element(swizzled_address(at), half);
}

__attribute__((optimize("O3"))) inline void compute(Products &p) {
    static float a[64][16], b[16][256], c[256];
    for (int i = 0; i < 64; i++)
        for (int k = 0; k < 16; k++) {
            const int thread = i / 16 * 32 + i % 8 * 4 + k % 8 / 2;
            const u32 word = p.a[thread][i % 16 / 8 + k / 8 * 2] >> k % 2 * 16;
            a[i][k] = p.registers ? element(&word, p.half) : described(p.from_a, p.flat_a, p.half, i, k);
        }
    for (int j = 0; j < p.n; j++)
        for (int k = 0; k < 16; k++) b[k][j] = described(p.from_b, p.flat_b, p.half, j, k);
    for (int i = 0; i < 64; i++) {
        memset(c, 0, sizeof c);
        for (int k = 0; k < 16; k++)
            for (int j = 0; j < p.n; j++) c[j] += a[i][k] * b[k][j];
        for (int j = 0; j < p.n; j++) p.c[i / 16 * 32 + i % 8 * 4 + j % 8 / 2][j / 8 * 4 + i % 16 / 8 * 2 + j % 2] += c[j];
    }
    p.computed = true;
}

template <int N>
inline void issue(float (&c)[N], const u32 *a, u64 from_a, u64 from_b, bool flat_a, bool flat_b, bool half) {
    Warpgroup &group = warpgroups[current / WARPGROUP];
    const Fiber &me = fibers[current];
    if (!me.products_fenced) fail("wgmma without wgmma_fence since its registers were free");
    if (me.unfenced) fail("wgmma after stores to shared memory without fence_async");
    const int t = current % WARPGROUP;
    const size_t at = group.next[t]++;
    if (at == group.all.size())
        group.all.push_back({{}, {}, from_a, from_b, a != nullptr, flat_a, flat_b, half, false, 2 * N, 0});
    Products &p = group.all[at];
    if (p.from_a != from_a || p.from_b != from_b || p.n != 2 * N) fail("threads of a warpgroup multiply different things");
    Sums *mine = nullptr;
    for (Sums &each : group.sums[t])
        if (each.c == c) mine = &each;
    if (!mine) {
        group.sums[t].push_back({c, std::vector<float>(c, c + N), at});
        mine = &group.sums[t].back();
        for (int i = 0; i < N; i++) c[i] = NAN;
    }
    mine->last = at;
    p.c[t] = mine->true_ones.data();
    if (a) memcpy(p.a[t], a, sizeof p.a[t]);
    if (++p.issued == WARPGROUP && !descending_order) compute(p);
}

// All threads of a warpgroup have come to a wait.
static void finish_products(int number) {
    Warpgroup &group = warpgroups[number];
    const Fiber *threads = fibers + number * WARPGROUP;
    const size_t done = threads[0].products_awaited;
    for (size_t i = 0; i < done; i++) {
        if (group.all[i].issued != WARPGROUP) fail("a product that not all threads of a warpgroup issue");
        if (!group.all[i].computed) compute(group.all[i]);
    }
    for (int t = 0; t < WARPGROUP; t++) {
        if (threads[t].products_awaited != done) fail("threads of a warpgroup wait for different products");
        std::vector<Sums> kept;
        for (Sums &each : group.sums[t]) {
            if (each.last < done)
                memcpy(each.c, each.true_ones.data(), each.true_ones.size() * sizeof(float));
            else
                kept.push_back(std::move(each));
        }
        group.sums[t].swap(kept);
    }
    if (done < group.all.size()) return;
    group.all.clear();
    for (int t = 0; t < WARPGROUP; t++) group.next[t] = 0, group.groups[t].clear();
}
static void forget_products() {
    memset(registers_of, 0, sizeof registers_of);
    for (Warpgroup &group : warpgroups) {
        group.all.clear();
        for (int t = 0; t < WARPGROUP; t++) group.next[t] = 0, group.groups[t].clear(), group.sums[t].clear();
    }
}
static const bool hooked = (on_wait = finish_products, on_block = forget_products, true);

}  // namespace emulator

inline void wgmma_fence() { emulator::fibers[emulator::current].products_fenced = true; }
inline void wgmma_commit() {
    using namespace emulator;
    Warpgroup &group = warpgroups[current / WARPGROUP];
    group.groups[current % WARPGROUP].push_back(group.next[current % WARPGROUP]);
}
template <int Left>
inline void wgmma_wait() {
    using namespace emulator;
    const auto &groups = warpgroups[current / WARPGROUP].groups[current % WARPGROUP];
    fibers[current].products_awaited = groups.size() > Left ? groups[groups.size() - 1 - Left] : 0;
    fibers[current].products_fenced = false;
    wait(WARPGROUPS);
}
template <int N>
inline void wgmma_done(float (&c)[N]) {}

inline u64 describe(u32 address, u32 leading, u32 stride) {
    return static_cast<u64>((address & 0x3ffff) >> 4) | static_cast<u64>(leading >> 4) << 16 |
           static_cast<u64>(stride >> 4) << 32 | 1ull << 62;
}

#define WGMMA(N, T, HALF)                                                                                \
    template <bool FlatA, bool FlatB>                                                                    \
    inline void wgmma(float (&c)[N / 2], u64 a, u64 b, T) {                                              \
        emulator::issue(c, nullptr, a, b, FlatA, FlatB, HALF);                                           \
    }                                                                                                    \
    template <bool FlatB>                                                                                \
    inline void wgmma(float (&c)[N / 2], const u32 (&a)[4], u64 b, T) {                                  \
        emulator::issue(c, a, 0, b, false, FlatB, HALF);                                                 \
    }
WGMMA(64, bf16, false)
WGMMA(64, f16, true)
WGMMA(128, bf16, false)
WGMMA(128, f16, true)
WGMMA(256, bf16, false)
WGMMA(256, f16, true)
