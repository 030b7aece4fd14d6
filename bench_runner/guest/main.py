"""Run a submission's function whenever the parent says so. Runs inside the sandbox; standard library only.

Not in charge of clocks, inputs, answers or verdicts: it knows none of them. A submission may overwrite all of
this, and gains nothing: the parent looks only at the outputs and at the reply page (`channel.py` says why).

Arguments: request fd, reply fd, input arena fd and bytes, output arena fd and bytes, nonce, number of dims,
language, folder of the artefact, symbol, then one `role:dtype` per tensor in call order.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import NamedTuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import abi  # type: ignore[import-not-found]
import records as r  # type: ignore[import-not-found]

del sys.path[0], sys.modules["abi"], sys.modules["records"]  # a submission may have helpers of these names

PROT_READ, PROT_WRITE = 1, 2
MAP_SHARED, MAP_POPULATE = 0x01, 0x8000  # populated: no page fault falls into the timed window

Words = memoryview


class Entry(NamedTuple):
    language: str
    folder: str
    symbol: str
    tensors: list[tuple[str, str]]  # role, dtype
    dims: int


def main(arguments: list[str]) -> None:
    request_fd, reply_fd, in_fd, in_bytes, out_fd, out_bytes, nonce, dims = map(int, arguments[:8])
    entry = Entry(*arguments[8:11], [tuple(each.split(":")) for each in arguments[11:]], dims)  # type: ignore[arg-type, misc]
    requests = _words(_map(request_fd, r.PAGE_BYTES, PROT_READ))
    replies = _words(_map(reply_fd, r.PAGE_BYTES, PROT_READ | PROT_WRITE))
    arenas = {"input": _map(in_fd, in_bytes, PROT_READ), "output": _map(out_fd, out_bytes, PROT_READ | PROT_WRITE)}
    replies[r.NONCE] = nonce
    replies[r.STATE] = r.reply(0, r.STARTED)
    while not requests[r.ARM]:  # the parent has noted that we are innocent of what follows
        pass
    if entry.language == "python":
        # What the task's languages may import beyond the standard library is mounted there.
        sys.path.append(os.environ.get("TOUCHSTONE_ROOT", "") + "/runtime")
    function = _load(entry, replies)
    if function is not None:
        _serve(function, entry, requests, replies, arenas)


def _load(entry: Entry, replies: Words) -> Callable[..., object] | None:
    try:
        function: Callable[..., object] = abi.load(entry.language, entry.folder, entry.symbol)
    except abi.NoEntry as error:
        print(error, file=sys.stderr, flush=True)
        replies[r.STATE] = r.reply(0, r.NO_ENTRY)
        return None
    except Exception:  # noqa: BLE001 - a submission's import may raise anything, and it must reach the log
        _print_traceback()
        replies[r.STATE] = r.reply(0, r.LOAD_RAISED)
        return None
    replies[r.STATE] = r.reply(0, r.READY)
    return function


def _serve(
    function: Callable[..., object], entry: Entry, requests: Words, replies: Words, arenas: dict[str, int]
) -> None:
    """Two steps a call, so that the timed one holds nothing but the function: get ready, then go."""
    number = 1
    while True:
        number += 1
        while requests[r.ARM] != number:
            pass
        kind = requests[r.KIND]
        if kind == r.LEAVE:
            return
        call = _nothing if kind == r.EMPTY else _bind(function, entry, requests, arenas)
        armed, done = r.reply(number, r.ARMED), r.reply(number, r.DONE)
        replies[r.STATE] = armed
        try:
            while requests[r.GO] != number:
                pass
            call()
        except Exception:  # noqa: BLE001 - a submission may raise anything, and it must reach the log
            _print_traceback()
            done = r.reply(number, r.RAISED)
        replies[r.STATE] = done


def _bind(
    function: Callable[..., object], entry: Entry, requests: Words, arenas: dict[str, int]
) -> Callable[[], object]:
    slots = []
    for index, (role, dtype) in enumerate(entry.tensors):
        at = r.TENSORS + index * r.TENSOR_WORDS
        shape = tuple(requests[at + 2 : at + 2 + requests[at + 1]])
        slots.append(abi.Slot(arenas[role] + requests[at], dtype, shape, role == "output"))
    call: Callable[[], object] = abi.bind(
        entry.language, function, slots, list(requests[r.DIMS : r.DIMS + entry.dims])
    )
    return call


def _nothing() -> None:
    return None


def _map(fd: int, size: int, protection: int) -> int:
    """The address of a mapping. The descriptor is closed: only the memory itself crosses the border."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    address: int = libc.mmap(None, size, protection, MAP_SHARED | MAP_POPULATE, fd, 0)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), f"cannot map {size} bytes")
    os.close(fd)
    return address


def _words(address: int) -> Words:
    return memoryview((ctypes.c_uint64 * r.WORDS).from_address(address)).cast("B").cast("Q")


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
