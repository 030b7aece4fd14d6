"""A board's page: ranks, ties, the baseline's line, what is confirmed, the figure and the machines."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from plotly import graph_objects

from hub import freezing
from hub.bench.models import Job, Verdict
from hub.boards import queries, stored
from hub.boards.plots import figure
from hub.core import clock
from tests.hub.programmes.conftest import new_programme
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import Visitor, measure
from tests.hub.web.markup import problems
from tests.people import Cast

PATH = f"/boards/vector-add/{HARDWARE}/"


def rows(page: str) -> list[str]:
    """The text of each line of the table, without its tags."""
    table = re.search(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    assert table is not None
    return [
        " ".join(re.sub(r"<[^>]+>", " ", row).split())
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table[1], re.DOTALL)
    ]


@played_once
def board(story: Story, cast: Cast) -> Story:
    return measure(story, cast, alice=2.0, bob=1.99, mei=0.5)


def test_overlapping_entries_share_a_rank_and_the_baseline_has_its_place(board: Story) -> None:
    found = rows(Visitor(None).get(PATH))
    assert [row.split()[0] for row in found] == ["1=", "1=", "–", "3"]
    assert "Baseline" in found[2]
    assert "2.00×" in found[0]
    assert "1.96–2.04" in found[0]
    assert "0.50×" in found[3]


def test_shared_ranks_are_marked_in_chinese(board: Story) -> None:
    assert rows(Visitor(None, "zh-hans").get(PATH))[0].startswith("并列 1")


@pytest.mark.slow
def test_a_first_place_without_a_second_run_awaits_it(board: Story) -> None:
    found = rows(Visitor(None).get(PATH))
    assert "confirmed" in found[0]
    Job.objects.filter(kind="confirm").update(kind="rank")
    list(stored.rebuild())
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


def test_records_and_single_cases_are_shown(board: Story) -> None:
    page = Visitor(None).get(PATH)
    assert "record" in rows(page)[0].split()
    assert "Case by case: time" in page
    assert '<b class="best">2.00×</b>' in page
    assert 'id="board-history"' in page
    assert problems(page) == []


def test_a_board_and_the_shelf_take_few_queries(board: Story, django_assert_max_num_queries) -> None:
    for path in (PATH, "/boards/", "/", "/tasks/vector-add/"):
        for visitor in (Visitor(None), Visitor(board.task.pulls.get(author__username="mei").author)):
            visitor.get(path)
            with django_assert_max_num_queries(15):
                visitor.get(path)


def test_a_board_is_exported_as_csv_without_formulas(board: Story) -> None:
    alice = board.task.pulls.get(author__username="alice").author
    alice.display_name = "=HYPERLINK(1)"
    alice.save(update_fields=["display_name"])
    answer = Visitor(None).client.get(f"{PATH}board.csv")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(line["rank"], line["username"], line["record"]) for line in lines] == [
        ("1", "alice", "True"),
        ("1", "bob", "False"),
        ("3", "mei", "False"),
    ]
    assert lines[0]["name"] == "'=HYPERLINK(1)"
    assert answer.headers["content-disposition"] == f'attachment; filename="vector-add-{HARDWARE}.csv"'


def test_a_board_is_exported_as_json_with_its_cases(board: Story) -> None:
    said = Visitor(None).client.get(f"{PATH}board.json").json()
    assert said["revision"] == board.task.current.digest
    assert [entry["username"] for entry in said["entries"]] == ["alice", "bob", "mei"]
    assert said["entries"][0]["cases"]["time"]["wide"]["ratio"] == 2.0
    assert said["board"] == f"http://127.0.0.1:8000{PATH}"


def test_the_badge_is_a_picture_that_may_be_shown_anywhere_and_runs_nothing(board: Story) -> None:
    alice = board.task.pulls.get(author__username="alice").author
    alice.display_name = "<script>&\u202e"
    alice.save(update_fields=["display_name"])
    answer = Visitor(None).client.get(f"{PATH}badge.svg")
    picture = answer.content.decode()
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    kinds = {one.tag.partition("}")[2] for one in root.iter()}
    assert kinds <= {"svg", "title", "path", "g", "text"}
    assert "2.00×" in picture
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_a_badge_is_kept_for_a_while_and_then_asked_for_again(board: Story) -> None:
    client = Visitor(None).client
    first = client.get(f"{PATH}badge.svg")
    assert first.headers["cache-control"] == "public, max-age=300"
    assert "cookie" not in first.headers.get("vary", "").lower()
    again = client.get(f"{PATH}badge.svg", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{PATH}badge.svg?user=bob").headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("user=bob", "1 of 3"),
        ("user=max", "not on the board"),
        ("user=bob&language=zh-hans", "第 1 名，共 3 名"),
        ("language=zh-hans", "向量加法：你的第一个算子"),
    ],
)
def test_a_badge_shows_one_person_or_another_language(board: Story, query: str, said: str) -> None:
    answer = Visitor(None, "zh-hans" if "language" not in query else "en").client.get(
        f"{PATH}badge.svg?{query}"
    )
    assert said in answer.content.decode()


def test_a_board_is_ranked_by_what_else_was_measured(board: Story) -> None:
    assert "?metric=" not in Visitor(None).get(PATH), "nothing was"
    for verdict in Verdict.objects.exclude(ratio=None):
        verdict.figures = {"memory": 2**20 * (8 - verdict.ratio)}
        verdict.save()
    list(stored.rebuild())
    page = Visitor(None).get(f"{PATH}?metric=memory")
    assert [(row.split()[0], "MiB" in row) for row in rows(page)] == [("1", True), ("2", True), ("3", True)]
    assert "6 MiB" in rows(page)[0]
    assert "plotly" not in page, "there is no figure of it"
    assert "?metric=memory" in Visitor(None).get(PATH)
    assert problems(page) == []
    said = Visitor(None).client.get(f"{PATH}board.json?metric=memory").json()
    assert (said["metric"], said["entries"][0]["memory"]) == ("memory", 6.0 * 2**20)
    assert rows(Visitor(None).get(f"{PATH}?metric=joy")) == rows(Visitor(None).get(PATH))


def test_an_empty_board_has_exports_too(make_task: Callable[..., object]) -> None:
    make_task()
    client = Visitor(None).client
    assert "no entry yet" in client.get("/boards/vector-add/cpu-x86/badge.svg").content.decode()
    assert client.get("/boards/vector-add/cpu-x86/board.json").json()["entries"] == []
    assert client.get("/boards/vector-add/gpu-h100/board.csv").status_code == 404


def test_a_long_board_has_pages_and_the_baseline_keeps_its_place(
    board: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.web.boards.ENTRIES_A_PAGE", 2)
    first, second = (Visitor(None).get(f"{PATH}?page={number}") for number in (1, 2))
    assert [row.split()[0] for row in rows(first)] == ["1=", "1=", "–"]
    assert [row.split()[0] for row in rows(second)] == ["–", "3"]
    assert "Page 1 of 2" in first
    assert problems(second) == []


def test_an_old_history_keeps_its_records(board: Story) -> None:
    told = stored.Whole(board.task, HARDWARE).moments(1)
    assert [(one.user.username, one.is_record) for one in told] == [("alice", True), ("mei", False)]


def test_a_maintainer_freezes_a_board_and_lets_it_go_on_its_page(board: Story, cast: Cast) -> None:
    assert "freeze/" not in Visitor(cast.mei).get(PATH)
    assert "freeze/" in Visitor(cast.max).get(PATH)
    page = Visitor(cast.max).send(f"{PATH}freeze/")
    assert "stay as they are until" in page
    assert "What came since is shown when a maintainer lets it go again." in Visitor(None).get(PATH)
    assert Visitor(None).client.get(f"{PATH}board.json").json()["frozen_since"]
    assert problems(page) == []
    assert "what was measured meanwhile is shown" in Visitor(cast.max).send(f"{PATH}thaw/")
    assert Visitor(None).client.get(f"{PATH}board.json").json()["frozen_since"] is None


def test_what_its_programme_froze_no_maintainer_lets_go_here(board: Story, cast: Cast) -> None:
    programme = new_programme(cast, [board.task], kind="contest", policy="open", starts_at=-5, ends_at=5)
    programme.freeze_at = clock.now()
    programme.save()
    freezing.follow_programmes()
    page = Visitor(cast.max).get(PATH)
    assert "What came since is shown when the programme ends." in page
    assert "thaw/" not in page
