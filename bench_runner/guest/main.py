"""Do what the parent asks, turn by turn: load a submission, bind its arguments, call it. Runs inside the
sandbox.

Not in charge of clocks, inputs, answers or verdicts: it knows none of them. A submission may overwrite all of
this, and gains nothing: the parent looks only at the outputs and at the reply page (`channel.py` says why).

Imports as little as possible, and only the standard library: dozens of guests start in a job. The judge runs
this for Python submissions; `main.c` keeps the same protocol for C and C++.

Arguments: request fd, reply fd, input arena fd and bytes, output arena fd and bytes, nonce, number of dims,
language, folder of the artefact, symbol, then one `role:dtype` per tensor in call order.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import abi  # type: ignore[import-not-found]  # mounted beside this file
import records as r  # type: ignore[import-not-found]

if sys.argv[9:10] and sys.argv[9] in abi.ON_CARDS:
    import card  # type: ignore[import-not-found]

    del sys.modules["card"]

del sys.path[0], sys.modules["abi"], sys.modules["records"]  # a submission may have helpers of these names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SPINS, NAP_SECONDS = 2_000_000, 0.001  # of waiting for a turn: some 0.1 s, then nap by nap
PROT_READ, PROT_WRITE = 1, 2
MAP_SHARED, MAP_POPULATE = 0x01, 0x8000  # populated: no page fault falls into the timed window


class Entry:
    """What the command line says."""

    def __init__(self, arguments: list[str]) -> None:
        request_fd, reply_fd, in_fd, in_bytes, out_fd, out_bytes, self.nonce, self.dims = map(
            int, arguments[:8]
        )
        self.language, self.folder, self.symbol = arguments[8:11]
        self.tensors = [each.split(":") for each in arguments[11:]]  # [role, dtype]
        self.requests = _words(_map(request_fd, r.PAGE_BYTES, PROT_READ))
        self.replies = _words(_map(reply_fd, r.PAGE_BYTES, PROT_READ | PROT_WRITE))
        self.card = card.Card() if self.language in abi.ON_CARDS else None
        map_arena = self.card.map if self.card else _map
        self.arenas = {
            "input": map_arena(in_fd, in_bytes, PROT_READ),
            "output": map_arena(out_fd, out_bytes, PROT_READ | PROT_WRITE),
        }


def main(arguments: list[str]) -> None:
    entry = Entry(arguments)
    if entry.language in abi.PYTHON:
        # What the task's languages may import beyond the standard library is mounted there.
        sys.path.append(os.environ.get("TOUCHSTONE_ROOT", "") + "/runtime")
    entry.replies[r.NONCE] = entry.nonce
    entry.replies[r.STATE] = r.reply(0, r.DONE)
    _serve(entry)


def _serve(entry: Entry) -> None:
    """Between seeing a turn and calling the function lies as little as possible: it is inside the timed
    window.

    A turn comes before we are thawed, so only who has lost the judge waits for long. It would go before
    others on this CPU, and keep from it whatever is to end the judge and clear us away: so it naps.
    """
    requests, replies = entry.requests, entry.replies
    calls: list[Callable[[], object]] = []
    function: Callable[..., object] = _nothing
    turn = 0
    while True:
        turn += 1
        state = r.reply(turn, r.DONE)
        for _ in range(SPINS):
            if requests[r.TURN] == turn:
                break
        while requests[r.TURN] != turn:
            time.sleep(NAP_SECONDS)
        kind = requests[r.KIND]
        try:
            if kind == r.CALL:
                calls[requests[r.SLOT]]()
            elif kind == r.EMPTY:
                _nothing()
            elif kind == r.BIND:
                calls = [_bind(function, entry, slot) for slot in range(r.SLOTS)]
            elif kind == r.LOAD:
                function = abi.load(entry.language, entry.folder, entry.symbol)
            else:
                return
        except abi.NoEntry as error:
            print(error, file=sys.stderr, flush=True)
            state = r.reply(turn, r.NO_ENTRY)
        except OSError as error:
            _print_traceback(error)
            state = r.reply(turn, r.of_errno(error.errno))
        except Exception as error:  # noqa: BLE001 - a submission may raise anything, and it must reach the log
            _print_traceback(error)
            state = r.reply(turn, r.RAISED)
        replies[r.STATE] = state


def _bind(function: Callable[..., object], entry: Entry, number: int) -> Callable[[], object]:
    requests, slots = entry.requests, []
    first = r.OFFSETS + number * len(entry.tensors)
    for index, (role, dtype) in enumerate(entry.tensors):
        at = r.SHAPES + index * r.SHAPE_WORDS
        shape = tuple(requests[at + 1 : at + 1 + requests[at]])
        slots.append(abi.Slot(entry.arenas[role] + requests[first + index], dtype, shape, role == "output"))
    dims = list(requests[r.DIMS : r.DIMS + entry.dims])
    call: Callable[[], object] = abi.bind(entry.language, function, slots, dims)
    return functools.partial(entry.card.finish, call) if entry.card else call


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


def _words(address: int) -> memoryview:
    return memoryview((ctypes.c_uint64 * r.WORDS).from_address(address)).cast("B").cast("Q")


def _print_traceback(error: Exception) -> None:
    try:
        import traceback

        traceback.print_exception(error)
    except OSError:  # the submission has left no descriptor to import by
        print(repr(error), file=sys.stderr)
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
