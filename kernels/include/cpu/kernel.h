// What every kernel file includes, in C and C++: the mark of a function that Python calls, the faults it may
// return (kernels/schema.py has their sentences), and the storage types.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
#define KERNEL extern "C" __attribute__((visibility("default"))) int
#else
#define KERNEL __attribute__((visibility("default"))) int
#endif

enum fault { OK = 0, NO_MEMORY = 1, BAD_INDEX = 2, NOT_PERMITTED = 3 };
