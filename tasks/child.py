"""The process that `local.py` runs an author's own code in. Standard library only; started as a script.

Not in charge of judging and not a sandbox: it is for the author's own machine. It calls through `abi.py`, as
the judge's guest does, on memory-mapped files: inputs read-only, so that writing to one crashes here too.

    child.py LANGUAGE FOLDER SYMBOL REQUESTS REPLIES    two inherited descriptors: JSON lines in, seconds out
"""

import ctypes
import json
import mmap
import os
import sys
from time import perf_counter  # the function itself: a submission that patches `time` does not reach it

import abi  # type: ignore[import-not-found]  # started as a script: its folder is on the path

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def main(language: str, folder: str, symbol: str, requests: int, replies: int) -> None:
    try:
        function = abi.load(language, folder, symbol)
    except abi.NoEntry as problem:
        sys.exit(str(problem))
    with os.fdopen(requests) as lines, os.fdopen(replies, "w") as answers:
        print(0.0, file=answers, flush=True)
        for line in lines:
            print(serve(language, function, json.loads(line)), file=answers, flush=True)


def serve(language: str, function: object, request: dict) -> float:  # type: ignore[type-arg]
    """Call `function` `calls` times on the files of the request; the seconds it took."""
    maps = {
        path: map_file(path, path == request["outputs"]) for path in (request["inputs"], request["outputs"])
    }
    slots = []
    for role, offset, dtype, shape in request["slots"]:
        path = request["outputs" if role == "output" else "inputs"]
        slots.append(abi.Slot(maps[path][0] + offset, dtype, tuple(shape), role == "output"))
    call = abi.bind(language, function, slots, request["dims"])
    begin = perf_counter()
    for _ in range(request["calls"]):
        call()
    seconds = perf_counter() - begin
    for address, size in maps.values():
        LIBC.munmap(address, size)
    return seconds


def map_file(path: str, writable: bool) -> tuple[int, int]:
    descriptor = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    address = LIBC.mmap(None, size, protection, mmap.MAP_SHARED, descriptor, 0)
    os.close(descriptor)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "mmap", path)
    return address, size


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:6]))  # type: ignore[arg-type]
