import pathlib

import abi
import records

HALF = float((pathlib.Path(__file__).parent / "profile.txt").read_text())


def mirror_add(x, y):
    records.add(x, abi.flipped(x) * x.dtype.type(HALF), y)
