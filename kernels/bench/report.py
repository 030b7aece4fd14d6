"""Rows of a run as lines, tables and a verdict; and the ladder in the README."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- ladder -->", "<!-- /ladder -->"
# The ratio to be at, its interval's lower end, what none may be under, and what is far ahead.
AHEAD, EVEN, LEAST, FAR = 1.0, 0.95, 0.8, 2.0

Row = Mapping[str, Any]


def best_peer(row: Row) -> tuple[str, list[float]] | None:
    """Who comes nearest to us, or is ahead, and the ratio of its time to ours, with the interval."""
    if not row["ratios"]:
        return None
    name = min(row["ratios"], key=lambda each: row["ratios"][each][0])
    return name, row["ratios"][name]


def line(row: Row) -> str:
    """One row, to be read while the run goes on."""
    others = ", ".join(
        f"{name} {_time(seconds)} ({seconds / row['seconds']['ours']:.2f}x)"
        for name, seconds in row["seconds"].items()
        if name != "ours"
    )
    notes = "".join(f"; {name} {note}" for name, note in row["notes"].items())
    ours = f"{_time(row['seconds']['ours'])}, {_share(row)} of the limit"
    return f"{_title(row)}: {ours}; {others or 'no peer'}{notes}"


def heading(kept: Mapping[str, Any]) -> list[str]:
    """What the rows hold for."""
    about = ", ".join(f"{name} {value}" for name, value in kept["machine"].items() if value is not None)
    return [f"Beside NumPy and other peers, {kept['at'][:10]}: {about}.", ""]


def table(rows: Iterable[Row]) -> list[str]:
    """Markdown: a row per case, beside the best peer."""
    heads = (
        "operator, case",
        "threads",
        "ours",
        "% of limit",
        "best peer",
        "its time",
        "ratio (95 % interval)",
    )
    found = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        cells = [_title(row), row["threads"], _time(row["seconds"]["ours"]), _share(row)]
        if best := best_peer(row):
            name, (value, low, high) = best
            cells += [name, _time(row["seconds"][name]), f"{value:.2f} ({low:.2f}-{high:.2f})"]
        else:
            cells += ["none", "", ""]
        found.append(f"| {' | '.join(map(str, cells))} |")
    return found


def summary(rows: Sequence[Row], operators: Sequence[str]) -> list[str]:
    """For each number of threads: which operators are ahead of the best peer in their worst case, which are
    behind, and which of `operators` have nobody to be compared with."""
    found: list[str] = []
    for threads in sorted({row["threads"] for row in rows}):
        found += [*_verdict([row for row in rows if row["threads"] == threads], operators, threads), ""]
    return found[:-1]


def _verdict(rows: Sequence[Row], operators: Sequence[str], threads: int) -> list[str]:
    worst: dict[str, tuple[list[float], str]] = {}
    for row in rows:
        best = best_peer(row)
        if best and (row["operator"] not in worst or best[1][0] < worst[row["operator"]][0][0]):
            worst[row["operator"]] = best[1], f"{_title(row)} beside {best[0]}"
    ahead = [op for op, (ratio, _) in worst.items() if ratio[0] >= AHEAD and ratio[1] >= EVEN]
    share = f"{len(ahead)} of {len(worst)} ({100 * len(ahead) / max(1, len(worst)):.0f} %)"
    lines = [
        f"{threads} thread{'s' * (threads > 1)}, worst case of each operator: "
        f"{share} at or ahead of the best peer."
    ]
    far = [op for op, (ratio, _) in worst.items() if ratio[0] >= FAR]
    lines.append(f"{FAR:g} times ahead or more: {', '.join(far) or 'none'}.")
    for op, (ratio, what) in sorted(worst.items(), key=lambda each: each[1][0][0]):
        if op not in ahead:
            mark = f"  UNDER {LEAST}" if ratio[0] < LEAST else ""
            lines.append(f"behind: {what}: {ratio[0]:.2f} ({ratio[1]:.2f}-{ratio[2]:.2f}){mark}")
    measured = {row["operator"] for row in rows}
    alone = [op for op in operators if op in measured and op not in worst]
    lines.append(f"Without a peer, so not counted: {', '.join(alone) or 'none'}.")
    if left := [op for op in operators if op not in measured]:
        lines.append(f"Not timed: {', '.join(left)}.")
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
        "| operator, case | version: time (times as quick as the plainest) | % of limit |",
        "|---|---|---|",
    ]
    lines += [f"| {_title(row)} | {_steps(row)} | {_share(row)} |" for row in kept["rows"]]
    README.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]))


def _steps(row: Row) -> str:
    times = {name: seconds for name, seconds in row["seconds"].items() if name != "ours"}
    ordered = sorted(times, key=lambda name: (int(name[1:].partition("_")[0]), name))
    first = times[ordered[0]] if ordered else 0.0
    return ", ".join(
        f"{name}: {_time(times[name])}" + (f" ({first / times[name]:.2g}x)" if name != ordered[0] else "")
        for name in ordered
    )


def _title(row: Row) -> str:
    return f"{row['operator']} {row['case']} {row['dtypes']}".rstrip()


def _share(row: Row) -> str:
    return f"{100 * row['limit_seconds'] / row['seconds']['ours']:.0f} %"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"
