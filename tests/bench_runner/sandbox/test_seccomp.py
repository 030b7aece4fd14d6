"""What the filter answers, asked outside any sandbox: its program is run here, instruction by instruction."""

from __future__ import annotations

import errno
import functools
import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_runner.sandbox import seccomp

ALLOW, KILL, ERRNO = 0x7FFF0000, (0x80000000, 0x00000000), 0x00050000
ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
NATIVE = ARCHES.get(os.uname().machine, 0)
U64 = st.integers(0, 2**64 - 1)

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")


@functools.cache
def instructions() -> list[tuple[int, ...]]:
    return list(struct.iter_unpack("<HBBI", seccomp.program()))


def answer(number: int, *args: int, arch: int = NATIVE) -> int:
    """The value that the filter returns to the kernel for this call."""
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *args, *[0] * (6 - len(args)))
    program = instructions()
    at, word = 0, 0
    while True:
        code, yes, no, value = program[at]
        at += 1
        if code == 0x20:  # ld [value]
            (word,) = struct.unpack_from("<I", data, value)
        elif code == 0x54:  # and
            word &= value
        elif code == 0x05:  # ja
            at += value
        elif code == 0x06:  # ret
            return int(value)
        else:
            holds = {0x15: word == value, 0x25: word > value, 0x35: word >= value, 0x45: bool(word & value)}
            at += yes if holds[code] else no


def refused(*call: int) -> bool:
    return answer(*call) == ERRNO | errno.EPERM


def test_ordinary_calls_are_allowed() -> None:
    for number in (0, 1, 9, 10, 11, 13, 28, 39, 56, 57, 59, 202, 231, 257, 302, 319):
        assert answer(number) == ALLOW, number


def test_a_call_of_another_architecture_kills() -> None:
    assert answer(1, arch=I386) in KILL
    assert answer(0x40000000 | 1) in KILL  # x32


@settings(deadline=None)
@given(family=U64, kind=U64, protocol=U64)
def test_only_three_families_and_their_usual_protocols_get_a_socket(family: int, kind: int, protocol: int):
    fine = family in seccomp.SOCKET_FAMILIES and protocol in seccomp.PROTOCOLS
    for number in (41, 53):  # socket, socketpair
        assert (answer(number, family, kind, protocol) == ALLOW) == fine


@pytest.mark.parametrize("upper", [0, 1 << 32, 1 << 63])
def test_no_socket_comes_of_bits_that_the_kernel_does_not_look_at(upper: int) -> None:
    assert refused(41, upper | 40, 1, 0)
    assert refused(41, 2, 1, upper | 132)  # SCTP: a module that a guest could have loaded
    assert refused(53, upper | 30, 1, 0)  # TIPC knows pairs


@settings(deadline=None)
@given(flags=U64)
def test_no_flag_of_clone_makes_a_namespace(flags: int) -> None:
    wanted = any(flags & flag for flag in seccomp.NAMESPACE_FLAGS)
    assert refused(56, flags) == wanted
    assert answer(435) == ERRNO | errno.ENOSYS  # clone3


@settings(deadline=None)
@given(number=st.integers(471, 511))
def test_a_call_that_nobody_has_looked_at_does_not_exist(number: int) -> None:
    assert answer(number) == ERRNO | errno.ENOSYS


def test_limits_of_others_and_the_core_limit_stay_as_they_are() -> None:
    assert refused(302, 1, 0, 4096, 0)  # prlimit64 of pid 1
    assert answer(302, 0, 7, 4096, 0) == ALLOW  # one's own descriptors
    assert answer(302, 0, 4, 0, 4096) == ALLOW  # reading the core limit
    assert refused(302, 0, 4, 4096, 0)
    assert refused(160, 4, 4096)


def test_nothing_tells_what_others_have_in_the_page_cache_or_open() -> None:
    assert all(refused(number) for number in (27, 221, 253, 254, 294, 451))
    assert refused(327, 3, 0, 1, 0, 0, 8)
    assert answer(327, 3, 0, 1, 0, 0, 0) == ALLOW
    assert refused(72, 3, 1026, 1)


@settings(deadline=None)
@given(code=st.sampled_from(seccomp.TERMINAL_IOCTLS), upper=st.integers(0, 2**32 - 1))
def test_terminals_neither_take_input_nor_load_modules(code: int, upper: int) -> None:
    assert refused(16, 0, upper << 32 | code)
