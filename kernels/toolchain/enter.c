// The way from Python into a kernel: what can change between two calls of the same layout is checked here, where
// it costs nothing, and the kernel gets its pointers.
//
// A call plan (kernels/compiled.py writes it) holds everything about a call but the arrays. They come as objects of
// Python; of each, the address of its data and its flags are read (PyArrayObject_fields of NumPy's C interface).
//
// The kernel is called with more arguments than it takes. By the System V interface of x86-64 (3.2.3), whole
// numbers and pointers travel in registers of their own and then on the stack, the first eight real numbers in
// others, and the caller clears up: in whatever order a kernel mixes them, it finds its own and leaves the rest.
#include <stdarg.h>
#include <string.h>

#include "kernel.h"

enum { ARRAYS = 24, WHOLE = 24, REAL = 8 };
enum role { ABSENT = 0, READ = 1, UPDATED = 2, WRITTEN = 3 };
enum refusal { OVERLAPPING = -1, MISALIGNED = -2, READ_ONLY = -3 };
enum { IS_ALIGNED = 0x100, IS_WRITEABLE = 0x400 };

struct array {
    intptr_t references;
    const void *type;
    char *data;
    int axes;
    const int64_t *shape, *strides;
    const void *base, *dtype;
    int flags;
};

struct operand {
    int64_t bytes, role;
};

struct plan {
    void (*kernel)(void);  // NULL: there is nothing to compute
    const int *threads;
    int64_t arrays, whole_numbers;
    int64_t in_place;  // the index of the output that may be the first input, else -1
    struct operand operand[ARRAYS];
    int64_t whole[WHOLE];
    double real[REAL];
};

#define FOUR(s, i) s[i], s[i + 1], s[i + 2], s[i + 3]
#define SIXTEEN(s, i) FOUR(s, i), FOUR(s, i + 4), FOUR(s, i + 8), FOUR(s, i + 12)
#define P4 int64_t, int64_t, int64_t, int64_t
#define P16 P4, P4, P4, P4
typedef int kernel(P16, P16, P16, double, double, double, double, double, double, double, double);

static int overlaps(const struct plan *plan, const int64_t *start, int64_t written) {
    int64_t bytes = plan->operand[written].bytes;
    for (int64_t i = 0; i < plan->arrays; i++) {
        int64_t other = plan->operand[i].bytes;
        if (i == written || plan->operand[i].role == ABSENT || bytes == 0 || other == 0) continue;
        if (start[i] >= start[written] + bytes || start[written] >= start[i] + other) continue;
        if (i == 0 && written == plan->in_place && start[0] == start[written] && other == bytes) continue;
        if (written == 0 && i == plan->in_place && start[0] == start[i] && other == bytes) continue;
        return 1;
    }
    return 0;
}

KERNEL kernels_enter(const struct plan *plan, ...) {
    int64_t slot[ARRAYS + WHOLE] = {0};
    va_list given;
    int refused = 0;
    va_start(given, plan);
    for (int64_t i = 0; i < plan->arrays; i++) {
        const struct array *array = va_arg(given, const struct array *);
        int64_t role = plan->operand[i].role;
        if (role == ABSENT) continue;
        if (!(array->flags & IS_ALIGNED)) refused = MISALIGNED;
        if (role != READ && !(array->flags & IS_WRITEABLE)) refused = READ_ONLY;
        slot[i] = (int64_t)array->data;
    }
    va_end(given);
    for (int64_t i = 0; i < plan->arrays; i++)
        if (plan->operand[i].role >= UPDATED && overlaps(plan, slot, i)) refused = OVERLAPPING;
    if (refused || !plan->kernel) return refused;
    int64_t *rest = slot + plan->arrays;
    memcpy(rest, plan->whole, sizeof(int64_t) * (size_t)plan->whole_numbers);
    rest[plan->whole_numbers] = *plan->threads;
    return ((kernel *)plan->kernel)(SIXTEEN(slot, 0), SIXTEEN(slot, 16), SIXTEEN(slot, 32), FOUR(plan->real, 0),
                                    FOUR(plan->real, 4));
}
