"""The built-in tasks with one short rank case each and little time for it.

What a test says about the path from push to reward holds for these too, and they leave the machine to other
tests.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tasks.spec import ROOT, task_folders

TIME_SECONDS = 12
RANK_CASE = re.compile(r'\[\[case\]\]\nid = "[^"]+"\nuse = "rank"\ndims = \{[^}]*\}\n\n?')


def small_tasks(folder: Path) -> Path:
    """Copies in `folder`, which must not exist; the first rank case of each stays, at half its size."""
    for task in task_folders(ROOT):
        shutil.copytree(task, folder / task.name)
        spec = folder / task.name / "task.toml"
        text = spec.read_text()
        first, *others = RANK_CASE.findall(text)
        halved = re.sub(r"= (\d+)", lambda number: f"= {int(number[1]) // 2}", first)
        for case, instead in [(first, halved), *((other, "") for other in others)]:
            text = text.replace(case, instead)
        spec.write_text(re.sub(r"time_seconds = \d+", f"time_seconds = {TIME_SECONDS}", text))
    return folder
