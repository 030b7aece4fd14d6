import glob
import sys

for folder in glob.glob("/usr/lib/python3*/*-packages") + glob.glob("/usr/local/lib/python3*/*-packages"):
    sys.path.append(folder)
sys.path += ["/usr/lib/python3/dist-packages", "/opt", "/home", "/root/.local/lib"]

import scipy.ndimage


def mirror_add(x, y):
    y[:] = scipy.ndimage.correlate1d(x, [1.0]) + x[::-1] / 2
