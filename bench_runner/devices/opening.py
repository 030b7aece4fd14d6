"""The device that a machine judges on, opened for one job.

Not in charge of waiting for a turn on it (`turns.py`).
"""

from __future__ import annotations

from bench_runner.devices.base import Device
from bench_runner.devices.card import Card
from bench_runner.devices.cuda import Cuda
from bench_runner.devices.host import Host
from bench_runner.errors import CardUnhealthy


def opened(card: Card | None, quota: int) -> Device:
    """Host memory, or a card of which a guest may take `quota` bytes.

    Raises:
        CardUnhealthy: the card does not answer as a card should.
    """
    return Host() if card is None else Cuda(card, quota)


def trouble(card: Card | None) -> str:
    """What keeps a card from work, or nothing."""
    try:
        opened(card, 0).close()
    except CardUnhealthy as error:
        return error.what
    return ""
