// What the judge does on a card itself: poison, scattered moves, eviction, comparison, and a sign of life.
//
// Compiled for the card at hand when the first job needs it (cuda.py). Sizes are 64 bits everywhere.

typedef unsigned long long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

#define KERNEL extern "C" __global__ void
#define EACH(i, count) \
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < (count); i += gridDim.x * (u64)blockDim.x)

KERNEL poison2(u16 *to, u64 pattern, u64 count) {
    EACH(i, count) to[i] = (u16)pattern;
}

KERNEL poison4(u32 *to, u64 pattern, u64 count) {
    EACH(i, count) to[i] = (u32)pattern;
}

KERNEL poison8(u64 *to, u64 pattern, u64 count) {
    EACH(i, count) to[i] = pattern;
}

// Rows of three words: to, from, bytes. Few bytes each.
KERNEL move_few(const u64 *table, u64 rows) {
    EACH(i, rows) {
        u8 *to = (u8 *)table[3 * i];
        const u8 *from = (const u8 *)table[3 * i + 1];
        for (u64 k = 0; k < table[3 * i + 2]; k++) to[k] = from[k];
    }
}

// How many bytes of two stretches of memory differ; `found` begins at zero.
KERNEL differ(const u8 *one, const u8 *other, u64 bytes, u32 *found) {
    u32 mine = 0;
    EACH(i, bytes) mine += one[i] != other[i];
    if (mine) atomicAdd(found, mine);
}

// Reads and writes all of it, so that nothing else stays in the second-level cache.
KERNEL evict(u32 *memory, u64 count, u32 seed) {
    EACH(i, count) memory[i] = memory[i] * 1664525u + seed;
}

KERNEL nothing() {
}

// The same numbers on every card that works: rounds of a generator, each thread its own.
KERNEL known(u32 *out, u64 count, u32 rounds) {
    EACH(i, count) {
        u32 x = (u32)i + 1;
        for (u32 k = 0; k < rounds; k++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
        }
        out[i] = x;
    }
}
