// What generated CUDA code calls. The functions are the device library's, without -use_fast_math.
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#define INT64_MIN (-9223372036854775807ll - 1)
#define INLINE static __device__ __forceinline__
#define as_float __int_as_float
#define as_int __float_as_int
#define fast_exp expf
#define fast_log logf
#define fast_tanh tanhf
#define fast_erf erff
#define fast_sigmoid(x) (1.0f / (1.0f + expf(-(x))))

// Which block and which thread this is, of how many.
#define PLACE                                                                                        \
    const int64_t block = blockIdx.x, blocks = gridDim.x;                                            \
    const int64_t thread = block * blockDim.x + threadIdx.x, threads = blocks * blockDim.x;          \
    (void)block, (void)blocks, (void)thread, (void)threads;

struct Sum { template <class T> __device__ static T of(T a, T b) { return a + b; } };
struct Product { template <class T> __device__ static T of(T a, T b) { return a * b; } };
struct Most { template <class T> __device__ static T of(T a, T b) { return a > b || a != a ? a : b; } };
struct Least { template <class T> __device__ static T of(T a, T b) { return a < b || a != a ? a : b; } };
struct Any { template <class T> __device__ static T of(T a, T b) { return a | b; } };

// The threads' values combined; every thread of the block calls it and gets the same. Always in the same order.
template <class How, class T> __device__ T combined(T mine) {
    __shared__ T all[1024];
    all[threadIdx.x] = mine;
    __syncthreads();
    for (int half = blockDim.x / 2; half; half /= 2) {  // blockDim.x is a power of two
        if (threadIdx.x < half) all[threadIdx.x] = How::of(all[threadIdx.x], all[threadIdx.x + half]);
        __syncthreads();
    }
    T result = all[0];
    __syncthreads();
    return result;
}
template <class T> __device__ T block_sum(T x) { return combined<Sum>(x); }
template <class T> __device__ T block_product(T x) { return combined<Product>(x); }
template <class T> __device__ T block_max(T x) { return combined<Most>(x); }
template <class T> __device__ T block_min(T x) { return combined<Least>(x); }
template <class T> __device__ T block_or(T x) { return combined<Any>(x); }

template <int> struct Words;
template <> struct Words<4> { using type = unsigned; };
template <> struct Words<8> { using type = unsigned long long; };

// To memory that other threads add to as well, for 4 and 8 bytes.
template <class How, class T> __device__ void change(T *place, T value) {
    using Word = typename Words<sizeof(T)>::type;
    Word *word = (Word *)place, seen = *word, old;
    do {
        old = seen;
        T now = How::of(*(T *)&old, value);
        seen = atomicCAS(word, old, *(Word *)&now);
    } while (seen != old);
}
template <class T, class V> __device__ void add_to(T *place, V value) { change<Sum>(place, (T)value); }
template <class V> __device__ void add_to(float *place, V value) { atomicAdd(place, (float)value); }
template <class T, class V> __device__ void multiply(T *place, V value) { change<Product>(place, (T)value); }
template <class T, class V> __device__ void raise(T *place, V value) { change<Most>(place, (T)value); }
template <class T, class V> __device__ void lower(T *place, V value) { change<Least>(place, (T)value); }
