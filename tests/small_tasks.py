"""The built-in tasks with one short rank case a device and little time for it.

What a test says about the path from push to reward holds for these too, and they leave the machine to other
tests.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tasks.spec import ROOT, task_folders

TIME_SECONDS = 12
COURSES = "courses"
LESSONS = ("where-time-goes", "contiguous-loops")
SPEED = re.compile(r"(?m)^\[speed\]\n(?:[^\[\n].*\n|\n)*")
RANK_CASE = re.compile(
    r'\[\[case\]\]\nid = "[^"]+"\nuse = "rank"\n(?:device = "(\w+)"\n)?(dims = \{[^}]*\})\n\n?'
)


def small_tasks(folder: Path) -> Path:
    """Copies in `folder`, which must not exist; a device's first rank case stays, rows and columns halved."""
    for task in task_folders(ROOT):
        shutil.copytree(task, folder / task.name)
        spec = folder / task.name / "task.toml"
        text = _with_short_cases(spec.read_text())
        spec.write_text(re.sub(r"time_seconds = \d+", f"time_seconds = {TIME_SECONDS}", text))
    _small_course(folder / COURSES / "first-operator")
    return folder


def _small_course(folder: Path) -> None:
    """A lesson to read and one with an exercise: the other exercises would each be a repository more.

    Being right solves it: how fast something comes out hangs on what else this machine does.
    """
    shutil.copytree(ROOT / COURSES / folder.name, folder, ignore=_not_of(LESSONS))
    for spec in folder.glob("*/task.toml"):
        spec.write_text(SPEED.sub("", spec.read_text()))
    whole = (folder / "course.toml").read_text()
    head, *lessons = whole.split("[[lesson]]")
    kept = [lesson for lesson in lessons if any(f'"{slug}"' in lesson for slug in LESSONS)]
    (folder / "course.toml").write_text("[[lesson]]".join([head, *kept]))


def _not_of(lessons: tuple[str, ...]) -> Callable[[str, list[str]], list[str]]:
    """What of a course belongs to other lessons; below its first level everything stays."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        if Path(folder).parent.name != COURSES:
            return []
        return [name for name in names if name.split(".")[0] not in (*lessons, "course")]

    return left_out


def _with_short_cases(text: str) -> str:
    devices = set[str | None]()

    def shorter(case: re.Match[str]) -> str:
        device, dims = case.groups()
        if device in devices:
            return ""
        devices.add(device)
        sizes = re.findall(r"= (\d+)", dims)
        if len(sizes) == 1:  # half of it, a fast processor takes no longer for than the judge's channel
            return case[0]
        return case[0].replace(dims, re.sub(r"= (\d+)", lambda number: f"= {int(number[1]) // 2}", dims))

    short = RANK_CASE.sub(shorter, text)
    if short.count('use = "rank"') != len(devices):
        raise ValueError(f"a rank case is written in another way than {RANK_CASE.pattern}")
    return short
