#include <stdint.h>

#define A(v) v v v v v v v v v v v v v v v v
#define B(v) A(A(v))
#define C(v) B(B(v))
#define D(v) C(C(v))
#define E(v) D(D(v))

void mirror_add(const float *x, float *y, int64_t n)
{
    (void)(E(x));
}
