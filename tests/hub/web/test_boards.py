"""A board's page: ranks, ties, the baseline's line, what is confirmed, the figure and the machines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from plotly import graph_objects

from hub.bench.models import Job, Verdict
from hub.boards import queries
from hub.boards.plots import figure
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import Visitor

PATH = f"/boards/vector-add/{HARDWARE}/"


def rows(page: str) -> list[str]:
    """The text of each line of the table, without its tags."""
    table = re.search(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    assert table is not None
    return [
        " ".join(re.sub(r"<[^>]+>", " ", row).split())
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table[1], re.DOTALL)
    ]


@pytest.fixture
def board(measured: Callable[[dict[str, float]], Story]) -> Story:
    return measured({"alice": 2.0, "bob": 1.99, "mei": 0.5})


def test_overlapping_entries_share_a_rank_and_the_baseline_has_its_place(board: Story) -> None:
    found = rows(Visitor(None).get(PATH))
    assert [row.split()[0] for row in found] == ["1=", "1=", "–", "3"]
    assert "Baseline" in found[2]
    assert "2.00×" in found[0]
    assert "1.96–2.04" in found[0]
    assert "0.50×" in found[3]


def test_shared_ranks_are_marked_in_chinese(board: Story) -> None:
    assert rows(Visitor(None, "zh-hans").get(PATH))[0].startswith("并列 1")


def test_a_first_place_without_a_second_run_awaits_it(board: Story) -> None:
    found = rows(Visitor(None).get(PATH))
    assert "confirmed" in found[0]
    Job.objects.filter(kind="confirm").update(kind="rank")
    assert "awaiting confirmation" in rows(Visitor(None).get(PATH))[0]


def test_the_house_and_oneself_are_marked(board: Story) -> None:
    alice = board.task.pulls.get(author__username="alice").author
    alice.is_house = True
    alice.save(update_fields=["is_house"])
    found = rows(Visitor(alice).get(PATH))
    assert "house example" in found[0]
    assert "you" in found[0].split()


def test_the_figure_holds_the_entries_of_the_table(board: Story) -> None:
    page = Visitor(None).get(PATH)
    block = re.search(r'<script id="board-figure" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert block is not None
    assert sorted(json.loads(block[1])["data"][0]["x"]) == [0.5, 1.99, 2.0]


def test_the_machines_behind_the_entries_are_named(board: Story) -> None:
    environment = {"cpu": "EPYC 9654", "cores": 16, "memory_bytes": 64 * 2**30}
    Verdict.objects.update(environment=environment)
    assert "EPYC 9654, 16 cores, 64 GiB" in Visitor(None).get(PATH)


def test_the_shelf_shows_each_board_and_what_waits_for_a_first_entry(
    board: Story, make_task: Callable[..., object]
) -> None:
    make_task("row-softmax")
    page = Visitor(None).get("/boards/")
    assert f'href="{PATH}"' in page
    assert "Waiting for a first entry" in page


def test_a_board_without_entries_says_how_to_get_on_it(make_task: Callable[..., object]) -> None:
    make_task()
    page = Visitor(None).get("/boards/vector-add/cpu-x86/")
    assert "Nobody stands on this board yet" in page
    assert "board-figure" not in page
    assert "No board has an entry yet" in Visitor(None).get("/boards/")


def test_hardware_on_which_the_task_is_not_judged_has_no_board(make_task: Callable[..., object]) -> None:
    make_task()
    page = Visitor(None).get("/boards/vector-add/gpu-h100/", status=404)
    assert "The task vector-add is not judged on gpu-h100." in page


def test_the_figure_is_one_that_plotly_knows(board: Story) -> None:
    alice = board.task.pulls.get(author__username="alice").author
    alice.display_name = "<b>Alice</b>"
    alice.save(update_fields=["display_name"])
    made = figure(queries.board(board.task, HARDWARE))
    checked = graph_objects.Figure(made)  # raises on a property that Plotly does not have
    assert checked.data[0].y[-1].startswith("&lt;b&gt;Alice")
