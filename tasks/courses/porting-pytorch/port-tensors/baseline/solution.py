import framework


def contrast(x, y):
    t = framework.from_numpy(x)
    mean = t.mean(axis=-1, keepdims=True)
    spread = t.std(axis=-1, correction=1, keepdims=True)
    y[:] = ((t - mean) / (spread + 1e-5)).asnumpy()
