"""The list of tricks in README.md, held against the cases and the tests that it names."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.adversary import labelled

ROOT = labelled.HERE.parents[1]
LAST = {
    "C": 19,
    "R": 15,
    "W": 18,
    "M": 5,
    "P": 13,
    "O": 25,
    "G": 7,
    "S": 6,
}  # rows of the list, by kind of trick
LINE = re.compile(r"\| ([A-Z]\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
NOT_TRIED = "not tried: what a processor computes is copied there and back, and all of it is counted"
LEAST = {"honest": 25, "wrong": 25, "cheat": 60}

ROWS = {
    found[1]: (found[2].strip(), found[3].strip())
    for line in (labelled.HERE / "README.md").read_text(encoding="utf-8").splitlines()
    if (found := LINE.fullmatch(line))
}


def _outcomes() -> dict[str, set[str]]:
    """Per row what its cases must get."""
    found = defaultdict(set)
    for label in labelled.everything():
        if label.row:
            found[label.row].add(label.outcome.value)
    return found


def test_the_list_is_whole():
    assert set(ROWS) == {f"{kind}{number}" for kind, last in LAST.items() for number in range(1, last + 1)}


def test_each_row_is_tried_where_the_list_says():
    cases = _outcomes()
    for row, (_, where) in ROWS.items():
        assert where.startswith("cases") == (row in cases), row
        assert where.startswith("cases") or TEST.match(where) or where == NOT_TRIED, row


@pytest.mark.parametrize("row", [row for row, (_, where) in ROWS.items() if "cases" in where])
def test_the_list_and_the_cases_name_the_same_verdicts(row: str):
    assert set(ROWS[row][0].split(", ")) == _outcomes()[row]


@pytest.mark.parametrize(
    ("file", "name"), sorted({pair for _, where in ROWS.values() for pair in TEST.findall(where)})
)
def test_a_test_that_the_list_names_exists(file: str, name: str):
    assert re.search(rf"^(async )?def {name}\(", Path(ROOT, file).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("kind", "least"), LEAST.items())
def test_there_are_enough_of_each_kind(kind: str, least: int):
    labels = [label for label in labelled.everything() if label.kind == kind]
    assert len(labels) >= least
    assert len({label.about for label in labels}) == len(labels), "two say the same of themselves"


def test_honest_submissions_come_in_every_language_and_all_pass():
    honest = [label for label in labelled.everything() if label.kind == "honest"]
    entries = {path.suffix for label in honest for path in label.folder.glob("solution.*")}
    assert entries == {".c", ".cpp", ".py"}
    assert {label.outcome.value for label in honest} == {"passed"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('about = "x"\noutcome = "passed"\n', "without a reason"),
        ('about = "x"\noutcome = "passed"\nreason = "crashed"\n', "has no reason 'crashed'"),
        ('about = "x"\noutcome = "fine"\nreason = "crashed"\n', "fine"),
        ('about = "x"\noutcome = "passed"\nreason = "measured"\nspeed = 1\n', "speed"),
    ],
)
def test_a_label_that_says_too_little_or_too_much_is_refused(tmp_path: Path, text: str, problem: str):
    folder = tmp_path / "honest-one"
    folder.mkdir()
    (folder / "expect.toml").write_text(text)
    with pytest.raises(ValueError, match=problem):
        labelled.read(folder)
