# ruff: noqa: E501 - programs of a line or two each
"""What an attack is: a submission of a few lines, the verdict it must get, the words that must name its target.

Not in charge of judging it (`test_attacks.py`), nor of what is looked at outside (`outside.py`).

Words between @ signs in the code are replaced by what really exists outside just now (`Outside.words`). An
attack that gets at its target prints REACHED: no log may show that.
"""

from __future__ import annotations

from dataclasses import dataclass

PYTHON = '''
import ctypes, errno, fcntl, os, resource, signal, socket, struct, sys, threading, time
import numpy as np

libc = ctypes.CDLL(None, use_errno=True)


def call(number, *arguments):
    """A system call by its number on x86-64."""
    answer = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{os.strerror(error)}: system call {number}")
    return answer


def each(*tries):
    """Try everything; one success is one too many. Else the last refusal is the end of the submission."""
    for attempt in tries:
        try:
            got = attempt()
        except OSError as refused:
            print(attempt.__code__.co_firstlineno, refused, flush=True)
            last = refused
        else:
            print("REACHED", got, flush=True)
            os._exit(99)
    raise last


def attack():
@BODY@

def mirror_add(x, y):
    np.add(x, x[::-1] * np.float32(0.5), out=y)
    attack()
'''

C = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void attack(void)
{
@BODY@
}

void mirror_add(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
    attack();
}
"""
HONEST = """
#include <stdint.h>
void mirror_add(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 0.5f * x[n - 1 - i];
}
"""


@dataclass(frozen=True)
class Attack:
    """`says`: what the log must show of the refusal; `files`: more files of the submission."""

    name: str
    files: dict[str, str]
    outcome: str
    reason: str
    says: str = ""


def python(name: str, body: str, outcome: str, reason: str, says: str = "") -> Attack:
    """The body of `attack()`, run after an honest answer: what is not caught ends the submission."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    return Attack(name, {"solution.py": PYTHON.replace("@BODY@\n", lines)}, outcome, reason, says)


def c(name: str, body: str, outcome: str, reason: str, says: str = "") -> Attack:
    return Attack(name, {"solution.c": C.replace("@BODY@", body)}, outcome, reason, says)


def build(
    name: str, source: str, outcome: str, reason: str, says: str = "", *,
    entry: str = "solution.c", **more: str,
) -> Attack:  # fmt: skip
    """What the compiler is made to do, in front of an honest kernel; `more` are headers, by their stems."""
    kernel = HONEST if entry == "solution.c" else HONEST.replace("void mirror", 'extern "C" void mirror')
    files = {entry: source + kernel, **{f"{stem}.h": text for stem, text in more.items()}}
    return Attack(name, files, outcome, reason, says)
