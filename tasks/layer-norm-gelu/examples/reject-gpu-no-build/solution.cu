// Known wrong: calls a function of the card that exists nowhere.
#include <touchstone.h>

#ifdef __CUDACC__

__device__ float gelu_from_the_future(float x);

extern "C" __global__ void norm_rows(const float *x, float *y) { y[threadIdx.x] = gelu_from_the_future(x[threadIdx.x]); }

#else

extern "C" void layer_norm_gelu(const float *x, const float *, const float *, float *y, int64_t, int64_t)
{
    touchstone::launch("norm_rows", {1}, {1}, 0, x, y);
}

#endif
