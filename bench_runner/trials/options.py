"""The command lines of `aa`, `power` and `campaign`. Imports nothing heavy: every command line passes here.

Not in charge of what they do (`commands.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import math
from pathlib import Path

PERCENTS = (1, 2, 3, 5, 10)
SAME_CODE = 300  # trials
POWER = 60  # trials of each slow-down …
CAMPAIGN_POWER = 30  # … and in a campaign, which has an hour
COMMANDS = ("aa", "power", "campaign")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 1 on")
    return int(text)


def _minutes(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (minutes := float(text)) < math.inf:
            return minutes
    raise argparse.ArgumentTypeError(f"{text!r}: give a number from 0 on")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    aa, power, campaign = (
        commands.add_parser("aa", help="judge code against itself: how often is a difference found?"),
        commands.add_parser("power", help="judge copies that do more work: how often is it seen?"),
        commands.add_parser("campaign", help="aa and power, quiet and beside a busy process, and a table"),
    )
    for parser, trials in ((aa, SAME_CODE), (power, POWER), (campaign, SAME_CODE)):
        parser.add_argument("--trials", type=_count, default=trials, help="in the end; a case judged is one")
        parser.add_argument("--minutes", type=_minutes, default=55, help="end after this time at the latest")
        parser.add_argument("--data", type=Path, help="the file that the jobs are appended to")
        parser.add_argument("--small", action="store_true", help="kernels of 20 to 100 µs, not of 1 to 20 ms")
    for parser in (aa, power):
        parser.add_argument("--busy", action="store_true", help="beside another process that wants a CPU")
    aa.add_argument("--task", type=Path, help="the baseline of this task's folder, not of ours")
    power.add_argument("--percent", type=_count, nargs="+", default=PERCENTS, help="more work, in percent")
