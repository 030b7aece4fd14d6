/* For CUDA C++ submissions: start kernels of the same file from its host function.
 *
 * solution.cu is compiled twice: for the card (`__CUDACC__` is defined) and for the host (it is not).
 *
 *     #include <touchstone.h>
 *     #ifdef __CUDACC__
 *     extern "C" __global__ void twice(const float *x, float *y, long long n) { … }
 *     #else
 *     extern "C" void f(const float *x, float *y, int64_t n) {
 *         touchstone::launch("twice", {unsigned((n + 255) / 256)}, {256}, 0, x, y, (long long)n);
 *     }
 *     #endif
 *
 * Arguments go to the kernel by their own types: write them as the kernel declares them. Nothing has to be
 * waited for: the judge's clock runs until all that was started has ended. What fails throws.
 */
#pragma once

#ifdef __CUDACC__
typedef long long touchstone_int64;
#else

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

extern "C" const unsigned char touchstone_cubin[]; /* the card's code of this file */

namespace touchstone {

using Stream = void *; /* a CUstream; nullptr is the default one */

struct Dim3 {
    unsigned x = 1, y = 1, z = 1;
};

/* A function of the driver, by its name in libcuda. */
template <class Function>
Function *driver(const char *name) {
    static void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
    void *found = library ? dlsym(library, name) : nullptr;
    if (!found) throw std::runtime_error(std::string("libcuda.so.1 has no ") + name);
    return reinterpret_cast<Function *>(found);
}

inline void check(int status, const std::string &what) {
    if (!status) return;
    const char *name = nullptr;
    driver<int(int, const char **)>("cuGetErrorName")(status, &name);
    throw std::runtime_error(what + ": " + (name ? name : "CUDA error " + std::to_string(status)));
}

/* A kernel of this file, made ready for blocks with so many bytes of dynamic shared memory. */
inline void *kernel(const std::string &name, unsigned shared = 0) {
    struct Ready {
        void *function;
        unsigned shared;
    };
    static void *module = nullptr;
    static std::map<std::string, Ready> known;
    if (!module)
        check(driver<int(void **, const void *)>("cuModuleLoadData")(&module, touchstone_cubin), "the card's code");
    auto found = known.find(name);
    if (found == known.end()) {
        void *function = nullptr;
        check(driver<int(void **, void *, const char *)>("cuModuleGetFunction")(&function, module, name.c_str()),
              "kernel " + name);
        found = known.emplace(name, Ready{function, 48 << 10}).first;
    }
    if (shared > found->second.shared) {
        constexpr int MAX_DYNAMIC_SHARED = 8;
        check(driver<int(void *, int, int)>("cuFuncSetAttribute")(found->second.function, MAX_DYNAMIC_SHARED, shared),
              "shared memory of kernel " + name);
        found->second.shared = shared;
    }
    return found->second.function;
}

/* Start a kernel of this file on a stream. */
template <class... Arguments>
void launch_on(Stream stream, const std::string &name, Dim3 grid, Dim3 block, unsigned shared, Arguments... arguments) {
    using Launch = int(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **,
                       void **);
    static Launch *start = driver<Launch>("cuLaunchKernel");
    void *given[] = {static_cast<void *>(&arguments)..., nullptr};
    check(start(kernel(name, shared), grid.x, grid.y, grid.z, block.x, block.y, block.z, shared, stream, given, nullptr),
          "kernel " + name);
}

/* … on the default stream. */
template <class... Arguments>
void launch(const std::string &name, Dim3 grid, Dim3 block, unsigned shared, Arguments... arguments) {
    launch_on(nullptr, name, grid, block, shared, arguments...);
}

/* A stream of one's own, for the life of the process. */
inline Stream new_stream() {
    Stream stream = nullptr;
    constexpr unsigned NON_BLOCKING = 1;
    check(driver<int(Stream *, unsigned)>("cuStreamCreate")(&stream, NON_BLOCKING), "a stream");
    return stream;
}

/* Memory of the card, for the life of the process. */
inline void *scratch(std::size_t bytes) {
    void *memory = nullptr;
    check(driver<int(void **, std::size_t)>("cuMemAlloc_v2")(&memory, bytes), "memory of the card");
    return memory;
}

} /* namespace touchstone */
#endif
