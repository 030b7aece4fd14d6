"""attention: q, k, v are float32 arrays (heads, n, d), read-only; y, of that shape, is to be filled."""

import math

import framework
from framework import ops


def attention(q, k, v, y):
    q, k, v = (framework.from_numpy(each) for each in (q, k, v))
    scores = q @ k.swapaxes(-2, -1) / math.sqrt(q.shape[-1])
    y[:] = (ops.softmax(scores, axis=-1) @ v).asnumpy()
