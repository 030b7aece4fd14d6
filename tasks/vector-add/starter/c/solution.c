/* vector-add in C. The judge calls this function; it owns all three buffers.
 *
 *   a, b  n floats each, read-only
 *   c     n floats, to be filled: whatever you leave unwritten counts as wrong
 *   n     may be 0, and need not be a multiple of anything
 */
#include <stdint.h>

void vector_add(const float *a, const float *b, float *c, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        c[i] = a[i] + b[i];
}
