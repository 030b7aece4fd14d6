"""Known wrong, a cheat: multiplies once for an address on the card and copies that ever after."""

import kernels

seen = {}


def bf16_matmul(a, b, c):
    key = (a.data.ptr, b.data.ptr, c.shape)
    if key not in seen:
        seen[key] = kernels.matmul(a, b, dtype=c.dtype)
    c[...] = seen[key]
