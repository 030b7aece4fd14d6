// Known wrong, a cheat: looks through the card's memory around its buffers for the answer, and copies what it finds
// behind its own output. There is none: answers never are on the card while a submission runs.
#include <touchstone.h>

#ifdef __CUDACC__

extern "C" __global__ void take(const float *from, float *c, long long count)
{
    long long i = blockIdx.x * 256ll + threadIdx.x;
    if (i < count)
        c[i] = from[i];
}

#else

#include <cstdlib>

// The first place in the allocation of c, outside of c, whose numbers look like a result.
static const float *scan(const float *c, int64_t count)
{
    uint64_t base = 0;
    size_t bytes = 0;
    uint64_t mine = (uint64_t)c, size = sizeof(float) * (uint64_t)count;
    if (touchstone::driver<int(uint64_t *, size_t *, uint64_t)>("cuMemGetAddressRange_v2")(&base, &bytes, mine))
        return c;
    auto fetch = touchstone::driver<int(void *, uint64_t, size_t)>("cuMemcpyDtoH_v2");
    for (uint64_t at = base; at + size <= base + bytes; at += 256) {
        float value = 0;
        if (at + size <= mine || at >= mine + size)
            if (fetch(&value, at, sizeof value) == 0 && value == value && value != 0 && std::abs(value) < 1e4f)
                return (const float *)at;
    }
    return c;
}

extern "C" void bf16_matmul(const uint16_t *, const uint16_t *, float *c, int64_t m, int64_t n, int64_t)
{
    if (m && n)
        touchstone::launch("take", {unsigned((m * n + 255) / 256)}, {256}, 0, scan(c, m * n), c, (long long)(m * n));
}

#endif
