// CUDA kernels on the processor: included before a .cu file, it turns the language's additions into C++, and runs
// a grid with a fiber for each thread of a block, one block after the other.
//
// Theory of operation. A fiber runs until it waits for its block or its warp, or ends; the scheduler goes through
// the fibers in order, then lets go of a barrier when all whom it concerns have come to it. When nobody can go on,
// the kernel would hang or is undefined on a card: that is an error here, with its reason. So is an address
// outside what was handed over, where the memory is followed by a page that must not be touched, and a 16-byte
// access between borders. Run in ascending and in descending order of threads, results must be the same:
// where they are not, threads race through shared memory.
//
// A kernel's arguments are eight bytes each. In the calling convention of x86-64 whole numbers and real numbers
// are passed in separate sequences, so one call with all of both serves every signature.
#pragma once
#include <csetjmp>
#include <csignal>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <ucontext.h>

#define __global__ __attribute__((visibility("default")))
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define __constant__ static const
#define __align__(n) alignas(n)

struct uint3 {
    unsigned x, y, z;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
static uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

constexpr int MOST = 1024, WARP = 32;
constexpr size_t STACK = 128 << 10, SHARED = 232448;
constexpr unsigned SHARED_BASE = 1024 + 16;  // address of dynamic shared memory: on no border of more than 16 bytes
enum State { READY, BLOCK, LANES, WARPGROUPS, SOME, PHASE, DONE };
typedef void (*Kernel)(...);

struct Fiber {
    State state;
    unsigned mask;  // whom a LANES waits for
    bool begun;
    jmp_buf at;
    uint3 id;
    // sm_90a, see hopper.cuh
    const uint64_t *barrier;  // whom a PHASE waits for: until its parity is another
    unsigned parity;
    int number, expected;  // of a SOME: which barrier, how many threads
    bool unfenced, products_fenced;
    size_t products_awaited;

    bool passed() const { return *barrier >> 63 != parity; }
};
static Fiber fibers[MOST];
static jmp_buf scheduler, given_up;
static int current, count;
static char message[256];
static char *stacks;
static uint64_t slots[MOST / WARP][WARP];
alignas(1024) static char dynamic[SHARED + 16];
static size_t dynamic_size;
static bool descending_order;
static void (*on_wait)(int warpgroup), (*on_block)();  // hopper.cuh, where it is included
static void *kernel;
static long long whole[32];
static double real[8];
static int votes[MOST];

inline char *dynamic_begin() { return dynamic + 16; }

[[noreturn]] inline void fail(const char *why) {
    snprintf(message, sizeof message, "%s (block %u %u, thread %u %u)", why, blockIdx.x, blockIdx.y, threadIdx.x,
             threadIdx.y);
    longjmp(given_up, 1);
}

inline void call() {
#define I(n) whole[n]
#define FOUR(n) I(n), I(n + 1), I(n + 2), I(n + 3)
    typedef long long L;
    typedef double D;
    auto f = reinterpret_cast<void (*)(L, L, L, L, L, L, D, D, D, D, D, D, D, D, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
                                       L, L, L, L, L, L, L, L, L, L)>(kernel);
    f(FOUR(0), I(4), I(5), real[0], real[1], real[2], real[3], real[4], real[5], real[6], real[7], FOUR(6), FOUR(10),
      FOUR(14), FOUR(18), FOUR(22), FOUR(26));
#undef FOUR
#undef I
}

inline void wait(State what) {
    Fiber &me = fibers[current];
    me.state = what;
    if (_setjmp(me.at) == 0) _longjmp(scheduler, 1);
}

inline void life() {
    for (;;) {
        call();
        wait(DONE);
    }
}

inline void resume(int i) {
    current = i;
    Fiber &fiber = fibers[i];
    threadIdx = fiber.id;
    if (_setjmp(scheduler)) return;
    if (fiber.begun) _longjmp(fiber.at, 1);
    fiber.begun = true;
    static ucontext_t start, unused;
    getcontext(&start);
    start.uc_stack.ss_sp = stacks + i * STACK;
    start.uc_stack.ss_size = STACK;
    makecontext(&start, life, 0);
    swapcontext(&unused, &start);
}

// Let go of the lanes of a warp whose exchange is complete.
inline bool release(int warp) {
    bool released = false;
    Fiber *lanes = fibers + warp * WARP;
    for (int i = 0; i < WARP; i++) {
        if (lanes[i].state != LANES) continue;
        const unsigned mask = lanes[i].mask;
        if (!(mask >> i & 1)) fail("a lane shuffles that is not in its own mask");
        bool complete = true;
        for (int j = 0; j < WARP; j++) {
            if (!(mask >> j & 1)) continue;
            if (lanes[j].state == DONE) fail("a warp waits for a lane that has ended");
            complete = complete && lanes[j].state == LANES && lanes[j].mask == mask;
        }
        if (!complete) continue;
        for (int j = 0; j < WARP; j++)
            if (mask >> j & 1) lanes[j].state = READY;
        released = true;
    }
    return released;
}

// Let go of a warpgroup whose threads all wait for products.
inline bool release_warpgroup(int number) {
    constexpr int SIZE = 4 * WARP;
    Fiber *threads = fibers + number * SIZE;
    for (int i = 0; i < SIZE; i++)
        if (threads[i].state != WARPGROUPS) return false;
    on_wait(number);
    for (int i = 0; i < SIZE; i++) threads[i].state = READY;
    return true;
}

// Let go of those who wait at a barrier for some threads of the block, if all have come.
inline bool release_some(int number) {
    int come = 0, expected = 0;
    for (int i = 0; i < count; i++) {
        if (fibers[i].state != SOME || fibers[i].number != number) continue;
        if (come && fibers[i].expected != expected) fail("threads wait for different numbers of each other");
        come++, expected = fibers[i].expected;
    }
    if (!come || come < expected) return false;
    for (int i = 0; i < count; i++)
        if (fibers[i].state == SOME && fibers[i].number == number) fibers[i].state = READY;
    return true;
}

inline void run_block() {
    for (int i = 0; i < count; i++) {
        fibers[i].state = READY;
        fibers[i].id = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
        fibers[i].unfenced = fibers[i].products_fenced = false;
    }
    if (on_block) on_block();
    memset(dynamic_begin(), 0xff, dynamic_size);
    for (;;) {
        bool any = false;
        for (int i = 0; i < count; i++) {
            const int each = descending_order ? count - 1 - i : i;
            if (fibers[each].state == PHASE && fibers[each].passed()) fibers[each].state = READY;
            if (fibers[each].state == READY) resume(each), any = true;
        }
        int done = 0, waiting = 0;
        for (int i = 0; i < count; i++) done += fibers[i].state == DONE, waiting += fibers[i].state == BLOCK;
        if (done == count) return;
        if (done + waiting == count) {
            if (done) fail("threads wait for the block while others have ended");
            for (int i = 0; i < count; i++) fibers[i].state = READY;
            continue;
        }
        for (int warp = 0; warp < count / WARP; warp++) any |= release(warp);
        for (int group = 0; group < count / (4 * WARP); group++) any |= release_warpgroup(group);
        for (int number = 1; number < 16; number++) any |= release_some(number);
        if (!any) fail("nobody can go on: threads wait for different things");
    }
}

static void on_fault(int, siginfo_t *about, void *) {
    snprintf(message, sizeof message, "an address outside the arrays: %p (block %u %u, thread %u %u)", about->si_addr,
             blockIdx.x, blockIdx.y, threadIdx.x, threadIdx.y);
    sigset_t faults;
    sigemptyset(&faults);
    sigaddset(&faults, SIGSEGV);
    sigprocmask(SIG_UNBLOCK, &faults, nullptr);
    longjmp(given_up, 1);
}

// What the lanes of `mask` offer; the reference holds until the next exchange.
inline const uint64_t *exchange(unsigned mask, uint64_t mine) {
    const int warp = current / WARP, lane = current % WARP;
    slots[warp][lane] = mine;
    fibers[current].mask = mask;
    wait(LANES);
    return slots[warp];
}
inline void exchanged(unsigned mask) {
    fibers[current].mask = mask;
    wait(LANES);
}
template <class T>
inline uint64_t to_bits(T x) {
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof x);
    return bits;
}
template <class T>
inline T from_bits(uint64_t bits) {
    T x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
template <class T>
inline T from_lane(unsigned mask, T x, int lane, bool there) {
    const uint64_t *all = exchange(mask, to_bits(x));
    if (there && !(mask >> lane & 1)) fail("a lane reads from one that is not in the mask");
    const T found = there ? from_bits<T>(all[lane]) : x;
    exchanged(mask);
    return found;
}

}  // namespace emulator

extern "C" __attribute__((visibility("default"))) const char *emulate(
    void *kernel, const unsigned *grid, const unsigned *block, size_t shared, const long long *whole, int wholes,
    const double *real, int reals, int descending) {
    using namespace emulator;
    if (!stacks)
        stacks = static_cast<char *>(
            mmap(nullptr, MOST * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    emulator::kernel = kernel;
    memcpy(emulator::whole, whole, wholes * sizeof *whole);
    memcpy(emulator::real, real, reals * sizeof *real);
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    count = static_cast<int>(block[0] * block[1] * block[2]);
    dynamic_size = shared;
    descending_order = descending;
    struct sigaction mine = {}, before;
    mine.sa_sigaction = on_fault;
    mine.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &mine, &before);
    message[0] = 0;
    if (setjmp(given_up) == 0) {
        const uint64_t blocks = uint64_t(grid[0]) * grid[1] * grid[2];
        for (uint64_t i = 0; i < blocks; i++) {
            const uint64_t b = descending ? blocks - 1 - i : i;
            blockIdx = {unsigned(b % grid[0]), unsigned(b / grid[0] % grid[1]), unsigned(b / grid[0] / grid[1])};
            run_block();
        }
    } else
        for (int i = 0; i < MOST; i++) fibers[i].begun = false;  // they stand in the middle of something
    sigaction(SIGSEGV, &before, nullptr);
    return message;
}

// ---- the language's functions

inline void __syncthreads() { emulator::wait(emulator::BLOCK); }
inline int __syncthreads_or(int x) {
    using namespace emulator;
    votes[current] = x;
    wait(BLOCK);
    int any = 0;
    for (int i = 0; i < count; i++) any |= votes[i];
    wait(BLOCK);
    return any;
}
inline void __syncwarp(unsigned mask = 0xffffffffu) { emulator::exchanged(mask); }
inline void __threadfence() {}

template <class T>
inline T __shfl_xor_sync(unsigned mask, T x, int step) {
    return emulator::from_lane(mask, x, emulator::current % 32 ^ step, true);
}
template <class T>
inline T __shfl_sync(unsigned mask, T x, int lane) {
    return emulator::from_lane(mask, x, lane % 32, true);
}
template <class T>
inline T __shfl_up_sync(unsigned mask, T x, int step) {
    const int lane = emulator::current % 32 - step;
    return emulator::from_lane(mask, x, lane, lane >= 0);
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T x, int step) {
    const int lane = emulator::current % 32 + step;
    return emulator::from_lane(mask, x, lane, lane < 32);
}
inline unsigned __ballot_sync(unsigned mask, int x) {
    const uint64_t *all = emulator::exchange(mask, x != 0);
    unsigned found = 0;
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1) found |= unsigned(all[i]) << i;
    emulator::exchanged(mask);
    return found;
}
inline int __any_sync(unsigned mask, int x) { return __ballot_sync(mask, x) != 0; }
inline int __all_sync(unsigned mask, int x) { return __ballot_sync(mask, x) == mask; }
inline unsigned __match_any_sync(unsigned mask, unsigned x) {
    const uint64_t *all = emulator::exchange(mask, x);
    unsigned found = 0;
    for (int i = 0; i < 32; i++)
        if ((mask >> i & 1) && all[i] == x) found |= 1u << i;
    emulator::exchanged(mask);
    return found;
}

inline unsigned atomicAdd(unsigned *p, unsigned x) { return *p += x, *p - x; }
inline int atomicAdd(int *p, int x) { return *p += x, *p - x; }
inline unsigned long long atomicAdd(unsigned long long *p, unsigned long long x) { return *p += x, *p - x; }

inline float __int_as_float(int x) { return emulator::from_bits<float>(unsigned(x)); }
inline float __uint_as_float(unsigned x) { return emulator::from_bits<float>(x); }
inline unsigned __float_as_uint(float x) { return unsigned(emulator::to_bits(x)); }
inline int __float_as_int(float x) { return int(emulator::to_bits(x)); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
template <class T>
inline T __ldg(const T *p) {
    return *p;
}
template <class T>
inline T min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
inline T max(T a, T b) {
    return a < b ? b : a;
}
// Rounded each for itself, never joined into one multiply-add.
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
