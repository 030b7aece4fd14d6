"""flash-attention-forward by a named version of the library `kernels`: tensor cores by warps."""

import kernels


def flash_attention_forward(q, k, v, out):
    kernels.attention(q[None], k[None], v[None], causal=True, out=out[None], version="v2_flash")
