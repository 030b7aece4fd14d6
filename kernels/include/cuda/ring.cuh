// Panels of shared memory that go round between a warpgroup that copies and those that multiply (sm_90a).
//
// Theory of operation. Each of `Slots` panels has two barriers: `full`, at which every copying thread arrives when its
// copies have landed, and `empty`, at which every multiplying warp arrives when it has read them. Both sides count
// panels alike; a panel's turn is the parity of how often the ring has gone round. Copies are asynchronous: a thread
// says that a panel is full only `Lag` panels later, so that many are under way while it goes on. Lag must stay
// behind Slots by two at least: a panel may only be given back once the one behind it is being multiplied.
#pragma once
#include <hopper.cuh>

struct Turn {
    u32 slot = 0, parity = 0;
    template <int Slots>
    DEVICE void next() {
        if (++slot == Slots) slot = 0, parity ^= 1;
    }
};

template <int Slots>
struct Barriers {
    u64 full[Slots], empty[Slots];

    DEVICE void init(u32 copying, u32 multiplying) {
        for (int i = 0; i < Slots; i++) barrier_init(full + i, copying), barrier_init(empty + i, multiplying);
    }
};

// The side that copies.
template <int Slots, int Lag>
struct Filling {
    static_assert(Lag + 2 <= Slots, "a ring that waits for itself");
    Barriers<Slots> *barriers;
    Turn now, landed;
    u32 begun = 0;

    DEVICE explicit Filling(Barriers<Slots> *barriers) : barriers(barriers) {}
    // Waits until the panel is free; copies go to it now.
    DEVICE u32 begin() {
        barrier_wait(barriers->empty + now.slot, now.parity ^ 1);
        return now.slot;
    }
    DEVICE void end() {
        copy_commit();
        now.next<Slots>();
        if (begun == Lag) {
            copy_wait<Lag>();
            tell();
        } else {
            begun++;
        }
    }
    // What is still under way.
    DEVICE void finish() {
        copy_wait<0>();
        for (; begun; begun--) tell();
    }
    DEVICE void tell() {
        fence_async();
        barrier_arrive(barriers->full + landed.slot);
        landed.next<Slots>();
    }
};

// The side that multiplies.
template <int Slots>
struct Emptying {
    Barriers<Slots> *barriers;
    Turn now;

    DEVICE explicit Emptying(Barriers<Slots> *barriers) : barriers(barriers) {}
    DEVICE u32 wait() const {
        barrier_wait(barriers->full + now.slot, now.parity);
        return now.slot;
    }
    DEVICE void release(u32 slot) const {
        __syncwarp();
        if (threadIdx.x % 32 == 0) barrier_arrive(barriers->empty + slot);
    }
    DEVICE void next() { now.next<Slots>(); }
};

// The dynamic shared memory from its first border of 1,024 bytes on.
DEVICE char *swizzled_shared() {
    char *p = static_cast<char *>(dynamic_shared());
    return p + (-shared_address(p) & 1023);
}

// Where piece `number` (16 bytes) of line `line` lies in a panel.
DEVICE int swizzled(int line, int number) { return line * LINE + ((number ^ line % 8) * 16); }

// ---- rows of 16-bit results from sums that lie as wgmma leaves them

// Four lanes hold one row: word j of lane t is number t of piece j; afterwards word j of lane t is number j of piece t.
DEVICE uint4 gather_pieces(u32 (&word)[4]) {
    const int t = threadIdx.x % 4;
    const bool odd = t & 1, high = t & 2;
#pragma unroll
    for (int j = 0; j < 4; j += 2) {
        const u32 got = __shfl_xor_sync(0xffffffffu, odd ? word[j] : word[j + 1], 1);
        word[j] = odd ? got : word[j], word[j + 1] = odd ? word[j + 1] : got;
    }
#pragma unroll
    for (int j = 0; j < 2; j++) {
        const u32 got = __shfl_xor_sync(0xffffffffu, high ? word[j] : word[j + 2], 2);
        word[j] = high ? got : word[j], word[j + 2] = high ? word[j + 2] : got;
    }
    return make_uint4(word[0], word[1], word[2], word[3]);
}
