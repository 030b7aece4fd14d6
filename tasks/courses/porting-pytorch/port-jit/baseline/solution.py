import framework
from framework import ops


def smooth(x, scale):
    if scale[0] > 1:
        x = x / scale[0]
    size = ops.abs(x)
    return ops.where(size <= 0.5, x * x, size - 0.25) + 0.1 * x


def smooth_loss(x, scale, y):
    y[:] = smooth(framework.from_numpy(x), framework.from_numpy(scale)).asnumpy()
