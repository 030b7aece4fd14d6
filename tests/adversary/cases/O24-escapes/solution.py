import numpy as np


def honest(x, y):
    np.add(x, x[::-1] * np.float32(0.5), out=y)


def mirror_add(x, y):
    print("\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>\u202egnorw")
    honest(x, y)
