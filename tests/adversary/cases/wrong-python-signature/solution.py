def mirror_add(x):
    return x + x[::-1] / 2
