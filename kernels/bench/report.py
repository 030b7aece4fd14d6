"""Rows of a run as lines, tables and a verdict; and the ladder in the README."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- ladder -->", "<!-- /ladder -->"
AHEAD, EVEN, LEAST = (
    1.0,
    0.95,
    0.8,
)  # the ratio to be at, its interval's lower end, and what none may be under

Row = Mapping[str, Any]


def best_peer(row: Row) -> tuple[str, list[float]] | None:
    """The fastest of the others and the ratio of its time to ours, with the interval."""
    others = {name: seconds for name, seconds in row["seconds"].items() if name != "ours"}
    if not others:
        return None
    name = min(others, key=lambda each: others[each])
    return name, row["ratios"][name]


def line(row: Row) -> str:
    """One row, to be read while the run goes on."""
    others = ", ".join(
        f"{name} {_time(row['seconds'][name])} ({ratio[0]:.2f}x)" for name, ratio in row["ratios"].items()
    )
    notes = "".join(f"; {name} {note}" for name, note in row["notes"].items())
    return f"{_title(row)}: {_time(row['seconds']['ours'])}, {_share(row)} of the limit; {others}{notes}"


def table(rows: Iterable[Row]) -> list[str]:
    """Markdown: a row per case, beside the best peer."""
    heads = [
        "operator, case",
        "threads",
        "ours",
        "% of limit",
        "best peer",
        "its time",
        "ratio (95 % interval)",
    ]
    found = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        best = best_peer(row)
        if best is None:
            continue
        name, (value, low, high) = best
        cells = (
            _title(row), row["threads"], _time(row["seconds"]["ours"]), _share(row), name,
            _time(row["seconds"][name]), f"{value:.2f} ({low:.2f}-{high:.2f})",
        )  # fmt: skip
        found.append(f"| {' | '.join(map(str, cells))} |")
    return found


def summary(rows: Iterable[Row]) -> list[str]:
    """How many operators are at or ahead of the best peer in one thread, and which are behind."""
    worst: dict[str, tuple[list[float], str]] = {}
    for row in rows:
        best = best_peer(row)
        if best and row["threads"] == 1:
            name, ratio = best
            if row["operator"] not in worst or ratio[0] < worst[row["operator"]][0][0]:
                worst[row["operator"]] = ratio, f"{_title(row)} beside {name}"
    ahead = [op for op, (ratio, _) in worst.items() if ratio[0] >= AHEAD and ratio[1] >= EVEN]
    lines = [
        f"One thread, worst case of each operator: {len(ahead)} of {len(worst)} at or ahead of the best peer."
    ]
    for ratio, what in sorted(
        (each for op, each in worst.items() if op not in ahead), key=lambda each: each[0][0]
    ):
        mark = "  UNDER 0.8" if ratio[0] < LEAST else ""
        lines.append(f"behind: {what}: {ratio[0]:.2f} ({ratio[1]:.2f}-{ratio[2]:.2f}){mark}")
    return lines


def write_ladder(kept: Mapping[str, Any]) -> None:
    """Put the table of versions between the two marks of the README."""
    text = README.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    about = kept["machine"]
    lines = [
        f"{about['cpu']}, one thread, {kept['at'][:10]}, level {about['level']}, {about['compiler']}:",
        "",
        "| operator, case | best | version: time |",
        "|---|---|---|",
    ]
    for row in kept["rows"]:
        steps = ", ".join(f"{name}: {_time(row['seconds'][name])}" for name in row["ratios"])
        lines.append(f"| {_title(row)} | {_time(row['seconds']['ours'])} | {steps} |")
    README.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]))


def _title(row: Row) -> str:
    return f"{row['operator']} {row['case']} {row['dtypes']}".rstrip()


def _share(row: Row) -> str:
    return f"{100 * row['limit_seconds'] / row['seconds']['ours']:.0f} %"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"
