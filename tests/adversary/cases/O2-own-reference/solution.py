def mirror_add(x, y):
    y[:] = x
