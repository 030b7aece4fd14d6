import framework


def contrast(x, y):
    t = framework.from_numpy(x)
    mean = t.mean(axis=-1, keepdims=True)
    y[:] = ((t - mean) / (t.std(axis=-1, keepdims=True) + 1e-5)).asnumpy()
