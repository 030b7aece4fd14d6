def mirror_add(x, y):
    import fractions

    import numpy as np
    import numpy.lib.stride_tricks as tricks

    half = np.float32(fractions.Fraction(1, 2))
    mirror = tricks.as_strided(x[-1:], x.shape, (-x.itemsize,)) if x.size else x
    np.multiply(mirror, half, out=y)
    np.add(y, x, out=y)
