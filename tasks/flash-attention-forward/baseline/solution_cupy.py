"""Baseline of flash-attention-forward on a card: the operator of the library `kernels`."""

import kernels


def flash_attention_forward(q, k, v, out):
    kernels.attention(q[None], k[None], v[None], causal=True, out=out[None])
