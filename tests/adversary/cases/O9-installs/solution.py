import subprocess
import sys

subprocess.run([sys.executable, "-m", "pip", "install", "--target", "/tmp", "numba"], check=True, timeout=1)

import numba


@numba.njit
def mirror_add(x, y):
    for i in range(x.size):
        y[i] = x[i] + x[x.size - 1 - i] / 2
