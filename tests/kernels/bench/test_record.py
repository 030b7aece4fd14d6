"""Where the rows of runs are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernels.bench.record import Record
from kernels.errors import BadArgument

CASES = [("softmax", "4x4", "f32"), ("matmul", "8", "f32"), ("matmul", "8", "bf16")]
MACHINE = {"cpu": "a processor", "numpy": "2.4"}


def _row(which: int, seconds: float, threads: int = 1) -> dict[str, Any]:
    operator, case, dtypes = CASES[which]
    about = {"operator": operator, "case": case, "dtypes": dtypes, "threads": threads}
    return {**about, "seconds": {"ours": seconds}}


def _kept(path: Path) -> list[tuple[Any, ...]]:
    rows = json.loads(path.read_text())["rows"]
    return [(row["operator"], row["dtypes"], row["threads"], row["seconds"]["ours"]) for row in rows]


def test_each_row_is_in_the_file_as_soon_as_it_is_added_in_the_order_of_the_cases(tmp_path):
    path = tmp_path / "new" / "peers.json"
    record = Record(path, MACHINE, CASES)
    record.add(_row(2, 3.0))
    assert _kept(path) == [("matmul", "bf16", 1, 3.0)]
    record.add(_row(0, 2.0, threads=2))
    record.add(_row(0, 1.0))
    assert _kept(path) == [
        ("softmax", "f32", 1, 1.0),
        ("matmul", "bf16", 1, 3.0),
        ("softmax", "f32", 2, 2.0),
    ]
    assert list(path.parent.iterdir()) == [path]


def test_a_second_run_renews_its_own_rows_and_keeps_the_others_but_for_cases_that_are_gone(tmp_path):
    path = tmp_path / "peers.json"
    first = Record(path, MACHINE, CASES)
    for which in range(3):
        first.add(_row(which, 1.0))
    Record(path, MACHINE, CASES[:2]).add(_row(1, 9.0))
    assert _kept(path) == [("softmax", "f32", 1, 1.0), ("matmul", "f32", 1, 9.0)]


def test_rows_of_another_machine_or_other_versions_are_not_mixed_in(tmp_path):
    path = tmp_path / "peers.json"
    Record(path, MACHINE, CASES).add(_row(0, 1.0))
    with pytest.raises(BadArgument, match=r"numpy: 2\.4, here 2\.5"):
        Record(path, {**MACHINE, "numpy": "2.5"}, CASES)
    assert _kept(path) == [("softmax", "f32", 1, 1.0)]
