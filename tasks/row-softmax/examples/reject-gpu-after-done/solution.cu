// Known wrong, a cheat: returns at once and lets a thread start the kernel after the clock has stopped.
#include <touchstone.h>

#ifdef __CUDACC__

extern "C" __global__ void softmax_rows(const float *x, float *y, long long rows, long long cols)
{
    long long row = blockIdx.x * 128ll + threadIdx.x;
    if (row >= rows)
        return;
    x += row * cols;
    y += row * cols;
    float largest = -__int_as_float(0x7f800000), sum = 0.0f;
    for (long long j = 0; j < cols; j++)
        largest = fmaxf(largest, x[j]);
    for (long long j = 0; j < cols; j++)
        sum += y[j] = expf(x[j] - largest);
    for (long long j = 0; j < cols; j++)
        y[j] /= sum;
}

#else

#include <chrono>
#include <thread>

extern "C" void row_softmax(const float *x, float *y, int64_t rows, int64_t cols)
{
    if (!rows || !cols)
        return;
    void *context = nullptr;
    touchstone::driver<int(void **)>("cuCtxGetCurrent")(&context);
    std::thread([=] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        touchstone::driver<int(void *)>("cuCtxSetCurrent")(context);
        try {
            touchstone::launch("softmax_rows", {unsigned((rows + 127) / 128)}, {128}, 0, x, y, (long long)rows,
                               (long long)cols);
        } catch (const std::exception &) { // nobody is left to be told
        }
    }).detach();
}

#endif
