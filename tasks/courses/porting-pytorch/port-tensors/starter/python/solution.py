"""contrast: x and y are float32 arrays of one shape; x is read-only, y is to be filled."""

import framework


def contrast(x, y):
    t = framework.from_numpy(x)
    y[:] = (t - t.mean(axis=-1, keepdims=True)).asnumpy()
