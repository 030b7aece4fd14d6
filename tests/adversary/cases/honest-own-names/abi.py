def flipped(x):
    return x[::-1]
