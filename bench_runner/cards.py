"""Which card a worker is for: the one that it is told, or the first that no other worker here has.

Not in charge of what a card is and how it does (`devices/card.py`). One worker, one card, one hardware class:
a machine with eight cards runs eight workers, and each finds its own. File locks hold a card; they go with
the process. One lies where all workers of a machine look, one in the folder that containers share.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bench_runner.devices.card import Card, cards
from bench_runner.errors import ConfigError, InfrastructureFault, JudgeError
from bench_runner.sandbox.slots import LOCK_FLAGS, run_folder

NONE = "none"
BUILD_SECONDS = 900  # of all kernels for one card: about a minute
LOCKS: list[int] = []  # open as long as this process lives


def take(wanted: str, folder: Path) -> Card | None:
    """The card for this worker, and hold it; None for a worker on a processor.

    `wanted`: an index or uuid, "none", or empty for any card that is free, if the machine has one at all;
    `folder`: of the worker's own data.

    Raises:
        ConfigError: there is no such card, or others have them all.
    """
    if wanted == NONE:
        return None
    found = cards()
    fitting = [card for card in found if wanted in ("", str(card.index), card.uuid)]
    if not fitting and not wanted:
        return None
    if not fitting:
        there = ", ".join(f"{card.index} ({card.name}, {card.uuid})" for card in found) or "none"
        raise ConfigError(f"WORKER_CARD={wanted!r}: no such card; there are: {there}")
    for card in fitting:
        if _hold(card, (run_folder(), folder)):
            return card
    raise ConfigError(
        f"WORKER_CARD={wanted!r}: other workers here have {'it' if wanted else 'every card'}: "
        "end one, or set WORKER_CARD=none for a worker on the processor"
    )


def build_kernels(card: Card) -> None:
    """Compile the library of kernels for the card, beside its sources, where guests find it; once.

    Raises:
        InfrastructureFault: it does not compile, or its folder cannot be written to.
    """
    if importlib.util.find_spec("kernels") is None:  # finds it without importing it
        return
    command = [sys.executable, "-m", "kernels", "build", "--card", card.arch, "--in-package"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InfrastructureFault(f"{' '.join(command[1:])} took more than {BUILD_SECONDS} s") from None
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise InfrastructureFault(f"the kernels of baselines cannot be built for {card.arch}: {why[0]}")


def folder_of(card: Card, folder: Path) -> Path:
    """Where a worker on this card keeps what is its own: calibration, revisions, undelivered results."""
    own = folder / f"card-{card.uuid}"
    own.mkdir(parents=True, exist_ok=True)
    return own


def calibrate_apart(card: Card, folder: Path) -> None:
    """Calibrate the card, if nothing is known of it yet.

    Raises:
        InfrastructureFault: the card does not do it.
    """
    if why := _apart(f"calibrate({card.uuid!r}, {str(folder)!r})"):
        raise InfrastructureFault(f"{card.name} cannot be calibrated: {why}")


def calibrate(uuid: str, folder: str) -> str | None:
    """What `calibrate_apart` runs; None, or why it failed."""
    from bench_runner.fingerprint import machine

    card = _of(uuid)
    if card is None:
        return f"no card {uuid} any more"
    try:
        machine(Path(folder), card)
    except JudgeError as error:
        return str(error)
    return None


def trouble_apart(card: Card) -> str:
    """What keeps a card from work, or nothing."""
    return _apart(f"trouble({card.uuid!r})")


def trouble(uuid: str) -> str | None:
    """What `trouble_apart` runs."""
    from bench_runner.devices import opening  # NumPy: the process that asks is to stay small

    card = _of(uuid)
    return opening.trouble(card) or None if card is not None else f"no card {uuid} any more"


def _of(uuid: str) -> Card | None:
    return next((card for card in cards() if card.uuid == uuid), None)


def _apart(call: str) -> str:
    """Do something with a card in a process of its own; why it failed, or nothing.

    Workers fork, and what a process has begun with the driver does not survive that.
    """
    work = f"from bench_runner import cards; raise SystemExit(cards.{call})"
    done = subprocess.run([sys.executable, "-c", work], stderr=subprocess.PIPE, text=True, check=False)
    said = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    return said[0] if done.returncode else ""


def _hold(card: Card, folders: Iterable[Path]) -> bool:
    """Take its lock in each folder, or in none."""
    taken: list[int] = []
    for folder in folders:
        taken.append(os.open(folder / f"worker-{card.uuid}.lock", LOCK_FLAGS, 0o600))
        try:
            fcntl.flock(taken[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            for lock in taken:
                os.close(lock)
            return False
    LOCKS.extend(taken)
    return True
