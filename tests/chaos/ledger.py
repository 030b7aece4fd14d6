"""What was done, and what became of the jobs that it hit.

Not in charge of whether that is right (`checks.py`).
"""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

# What can become of an attempt that was hit; the words of the printed table.
WENT_ON, AGAIN, ABANDONED = "went on", "verdict later", "abandoned"
COLUMNS = ("times", "attempts hit", WENT_ON, AGAIN, ABANDONED)


@dataclass(frozen=True)
class Strike:
    """One fault that was done to the hub."""

    kind: str
    at: float  # seconds since the run began
    attempts: list[str]  # that were open where it struck
    said: str = ""  # what the site answered, for faults of the line


@dataclass(frozen=True)
class Fate:
    """How an attempt and its job ended."""

    attempt: str  # state
    job: str  # state


@dataclass
class Ledger:
    seed: int
    jobs: int
    workers: int
    strikes: list[Strike] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)  # kinds that found nothing to strike at

    def struck(self) -> set[str]:
        """The attempts that something was done to."""
        return {attempt for strike in self.strikes for attempt in strike.attempts}

    def rows(self, fates: Mapping[str, Fate], kinds: Iterable[str]) -> dict[str, dict[str, int]]:
        table = {}
        for kind in kinds:
            strikes = [strike for strike in self.strikes if strike.kind == kind]
            ends = Counter(_end(fates[found]) for strike in strikes for found in strike.attempts)
            hit = sum(len(strike.attempts) for strike in strikes)
            counts = (len(strikes), hit, ends[WENT_ON], ends[AGAIN], ends[ABANDONED])
            table[kind] = dict(zip(COLUMNS, counts, strict=True))
        return table

    def text(self, fates: Mapping[str, Fate], kinds: Iterable[str]) -> str:
        """The table as it is printed."""
        rows = self.rows(fates, kinds)
        width = max(map(len, rows))
        lines = [f"{'fault':<{width}}  " + "  ".join(COLUMNS)]
        for kind, row in rows.items():
            lines.append(f"{kind:<{width}}  " + "  ".join(f"{row[name]:>{len(name)}}" for name in COLUMNS))
        return "\n".join(lines)

    def keep(self, path: Path, fates: Mapping[str, Fate], kinds: Iterable[str], account: object) -> None:
        machine = {"cpus": os.cpu_count(), "system": platform.platform(), "cpu": _cpu()}
        data = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine,
            "seed": self.seed,
            "jobs": self.jobs,
            "workers": self.workers,
            "account": account,
            "faults": self.rows(fates, kinds),
            "strikes": [asdict(strike) for strike in self.strikes],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data, indent=1) + "\n")


def _end(fate: Fate) -> str:
    if fate.job == "abandoned":
        return ABANDONED
    return WENT_ON if fate.attempt == "delivered" else AGAIN


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
