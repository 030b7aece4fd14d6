"""States move in one place: a conditional UPDATE in hub/core/transitions.py."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, parsed, python_files

THE_PLACE = ROOT / "hub" / "core" / "transitions.py"


def writes_of_state(path: Path) -> list[int]:
    """Lines that assign `.state`, or pass `state=` to `update`."""
    lines = []
    for node in ast.walk(parsed(path)):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"update", "aupdate"}:
            lines += [keyword.value.lineno for keyword in node.keywords if keyword.arg == "state"]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setattr":
            lines += [a.lineno for a in node.args[1:2] if isinstance(a, ast.Constant) and a.value == "state"]
        lines += [
            target.lineno
            for target in targets
            if isinstance(target, ast.Attribute) and target.attr == "state"
        ]
    return lines


@pytest.mark.parametrize("path", python_files("hub"), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_but_a_transition_moves_a_state(path: Path) -> None:
    if path != THE_PLACE and "migrations" not in path.parts:
        assert writes_of_state(path) == []


@pytest.mark.parametrize(
    "code",
    [
        "job.state = 'queued'",
        "Job.objects.filter(pk=1).update(state='queued')",
        "setattr(job, 'state', 'queued')",
    ],
)
def test_the_check_sees_each_way_of_writing_it(code: str, tmp_path: Path) -> None:
    (tmp_path / "sample.py").write_text(code)
    assert writes_of_state(tmp_path / "sample.py") == [1]
