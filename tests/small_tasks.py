"""The built-in tasks with one short rank case a device and little time for it.

What a test says about the path from push to reward holds for these too, and they leave the machine to other
tests.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tasks.spec import ROOT, task_folders

TIME_SECONDS = 12
RANK_CASE = re.compile(
    r'\[\[case\]\]\nid = "[^"]+"\nuse = "rank"\n(?:device = "(\w+)"\n)?(dims = \{[^}]*\})\n\n?'
)


def small_tasks(folder: Path) -> Path:
    """Copies in `folder`, which must not exist; a device's first rank case stays, at half its size."""
    for task in task_folders(ROOT):
        shutil.copytree(task, folder / task.name)
        spec = folder / task.name / "task.toml"
        text = _with_short_cases(spec.read_text())
        spec.write_text(re.sub(r"time_seconds = \d+", f"time_seconds = {TIME_SECONDS}", text))
    return folder


def _with_short_cases(text: str) -> str:
    devices = set[str | None]()

    def shorter(case: re.Match[str]) -> str:
        device, dims = case.groups()
        if device in devices:
            return ""
        devices.add(device)
        return case[0].replace(dims, re.sub(r"= (\d+)", lambda number: f"= {int(number[1]) // 2}", dims))

    short = RANK_CASE.sub(shorter, text)
    if short.count('use = "rank"') != len(devices):
        raise ValueError(f"a rank case is written in another way than {RANK_CASE.pattern}")
    return short
