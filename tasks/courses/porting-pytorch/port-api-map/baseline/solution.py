import math

import framework
from framework import ops


def attention(q, k, v, y):
    q, k, v = (framework.from_numpy(each) for each in (q, k, v))
    n = q.shape[-2]
    scores = q @ k.swapaxes(-2, -1) / math.sqrt(q.shape[-1])
    later = ops.triu(ops.ones((n, n)), k=1) > 0
    scores = ops.where(later, -math.inf, scores)
    y[:] = (ops.softmax(scores, axis=-1) @ v).asnumpy()
