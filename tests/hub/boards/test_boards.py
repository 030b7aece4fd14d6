"""Boards: best confirmed entry of each contributor, ranked by how many are certainly quicker."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from plotly.graph_objects import Figure

from hub.accounts.models import User
from hub.bench.models import Attempt, Job, Verdict, Worker
from hub.boards import stored
from hub.boards.history import history, record_of
from hub.boards.plots import MOST_TICKS, figure, history_figure, ratio_axis
from hub.boards.queries import (
    board,
    earlier_board,
    timed_tasks,
    unconfirmed_podium,
)
from hub.catalog.models import Task
from hub.core import clock
from hub.pulls.models import PatchSet, PullRequest

HARDWARE = "cpu-x86-avx2"


@dataclass
class Bench:
    """Writes finished verdicts as the judge would have."""

    task: Task
    worker: Worker
    made: int = 0

    def pull(self, who: User) -> PatchSet:
        self.made += 1
        pull = PullRequest.objects.create(
            task=self.task, author=who, topic=f"t{self.made}", title="x", opened_at=clock.now()
        )
        return PatchSet.objects.create(
            pull=pull,
            number=1,
            head_sha="a" * 40,
            base_sha="b" * 40,
            revision=self.task.current,
            pushed_at=clock.now(),
        )

    def verdict(
        self, patch_set: PatchSet, ratio: float, margin: float = 0.05, kind: str = "rank", **columns: object
    ) -> Verdict:
        job = Job.objects.create(
            patch_set=patch_set,
            revision=patch_set.revision,
            kind=kind,
            hardware_class=HARDWARE,
            state="finished",
            queued_at=clock.now(),
            ended_at=clock.now(),
        )
        self.made += 1
        attempt = Attempt.objects.create(
            job=job,
            worker=self.worker,
            number=1,
            state="delivered",
            token_digest=str(self.made),
            started_at=clock.now(),
            heard_at=clock.now(),
            lease_until=clock.now(),
            ended_at=clock.now(),
        )
        values = {"outcome": "passed", "reason": "passed", "ranked": True, "speed": "faster", **columns}
        made = Verdict.objects.create(
            job=job,
            attempt=attempt,
            ratio=ratio,
            low=ratio - margin,
            high=ratio + margin,
            at=clock.now(),
            **values,
        )
        stored.refresh([patch_set.revision_id])
        return made


@pytest.fixture
def bench(make_task: Callable[..., Task]) -> Bench:
    worker = Worker.objects.create(name="w", token_digest="x", registered_at=clock.now())
    return Bench(make_task(), worker)


def ranks(bench: Bench) -> list[tuple[int, str]]:
    return [(entry.rank, entry.user.username) for entry in board(bench.task, HARDWARE).entries]


def test_the_faster_entry_stands_first(cast, bench):
    bench.verdict(bench.pull(cast.alice), 2.0)
    bench.verdict(bench.pull(cast.bob), 3.0)
    assert ranks(bench) == [(1, "bob"), (2, "alice")]


def test_who_is_not_certainly_slower_than_the_first_shares_its_rank(cast, bench):
    bench.verdict(bench.pull(cast.alice), 3.00)
    bench.verdict(bench.pull(cast.bob), 3.06)
    bench.verdict(bench.pull(cast.mei), 2.00)
    assert ranks(bench) == [(1, "bob"), (1, "alice"), (3, "mei")]


def test_a_chain_of_overlaps_shares_no_rank_from_end_to_end(cast, bench):
    bench.verdict(bench.pull(cast.alice), 3.00)
    bench.verdict(bench.pull(cast.bob), 2.92)
    bench.verdict(bench.pull(cast.mei), 2.84)
    assert ranks(bench) == [(1, "alice"), (1, "bob"), (2, "mei")]


def test_a_wide_interval_that_reaches_up_to_the_first_stands_beside_it(cast, bench):
    bench.verdict(bench.pull(cast.alice), 3.00)
    bench.verdict(bench.pull(cast.bob), 2.80)
    bench.verdict(bench.pull(cast.mei), 2.70, margin=0.40)
    assert ranks(bench) == [(1, "alice"), (1, "mei"), (2, "bob")]
    assert [entry.tied for entry in board(bench.task, HARDWARE).entries] == [True, True, False]


def test_each_contributor_has_one_entry(cast, bench):
    bench.verdict(bench.pull(cast.alice), 2.0)
    bench.verdict(bench.pull(cast.alice), 2.5)
    assert ranks(bench) == [(1, "alice")]
    assert board(bench.task, HARDWARE).entries[0].ratio == 2.5


def test_a_confirmed_entry_shows_the_lower_of_its_two_runs(cast, bench):
    patch_set = bench.pull(cast.alice)
    bench.verdict(patch_set, 3.0)
    bench.verdict(patch_set, 2.95, kind="confirm")
    entry = board(bench.task, HARDWARE).entries[0]
    assert entry.confirmed
    assert entry.ratio == 2.95


@pytest.mark.parametrize("columns", [{"outcome": "suspicious"}, {"ranked": False}])
def test_only_passed_and_sandboxed_verdicts_make_entries(cast, bench, columns):
    bench.verdict(bench.pull(cast.alice), 9.0, **columns)
    assert ranks(bench) == []
    assert stored.boards_of(bench.task) == []


def unconfirmed(bench: Bench) -> list[PatchSet]:
    return [candidate.patch_set for candidate in unconfirmed_podium(bench.task, HARDWARE)]


def test_each_of_the_first_three_wants_confirmation_once(cast, bench):
    house = User.objects.create_user("house")
    people = (cast.alice, cast.bob, cast.mei, house)
    pushed = [bench.pull(who) for who in people]
    for patch_set, ratio in zip(pushed, (4.0, 3.0, 2.0, 1.0), strict=True):
        bench.verdict(patch_set, ratio)
    assert unconfirmed(bench) == pushed[:3]
    bench.verdict(pushed[0], 4.0, kind="confirm")
    assert unconfirmed(bench) == pushed[1:3]


def test_a_leader_who_improves_is_confirmed_anew(cast, bench):
    old, new = bench.pull(cast.alice), bench.pull(cast.alice)
    bench.verdict(old, 2.0)
    bench.verdict(old, 2.0, kind="confirm")
    bench.verdict(new, 4.0)
    assert unconfirmed(bench) == [new]


def test_until_then_the_confirmed_entry_stays(cast, bench):
    old = bench.pull(cast.alice)
    bench.verdict(old, 2.0)
    bench.verdict(old, 2.0, kind="confirm")
    bench.verdict(bench.pull(cast.alice), 4.0)
    assert entry(bench).ratio == 2.0


def entry(bench: Bench):
    [only] = board(bench.task, HARDWARE).entries
    return only


def test_a_confirmation_that_is_clearly_slower_lowers_the_entry_and_confirms_nothing(cast, bench):
    patch_set = bench.pull(cast.alice)
    bench.verdict(patch_set, 3.0)
    bench.verdict(patch_set, 2.5, kind="confirm")
    found = entry(bench)
    assert (found.ratio, found.confirmed, found.disputed) == (2.5, False, True)
    assert unconfirmed(bench) == [patch_set], "a third run settles it"


def test_a_confirmation_that_is_faster_confirms_the_lower_run(cast, bench):
    patch_set = bench.pull(cast.alice)
    bench.verdict(patch_set, 2.5)
    bench.verdict(patch_set, 3.0, kind="confirm")
    assert (entry(bench).ratio, entry(bench).confirmed) == (2.5, True)


def test_of_three_runs_the_middle_one_is_shown(cast, bench):
    patch_set = bench.pull(cast.alice)
    bench.verdict(patch_set, 3.0)
    bench.verdict(patch_set, 2.5, kind="confirm")
    bench.verdict(patch_set, 2.52, kind="confirm")
    found = entry(bench)
    assert (found.ratio, found.confirmed, found.runs) == (2.52, True, 3)


@pytest.mark.parametrize("kind", ["check", "rank", "confirm"])
def test_a_last_run_that_does_not_pass_takes_the_entry_off_the_board(cast, bench, kind):
    patch_set = bench.pull(cast.alice)
    bench.verdict(patch_set, 3.0)
    bench.verdict(patch_set, 0.0, kind=kind, outcome="wrong_answer")
    assert ranks(bench) == []
    assert unconfirmed(bench) == []


def test_a_run_that_passes_after_one_that_did_not_brings_it_back(cast, bench):
    patch_set = bench.pull(cast.alice)
    bench.verdict(patch_set, 3.0)
    bench.verdict(patch_set, 0.0, kind="confirm", outcome="runtime_error")
    bench.verdict(patch_set, 3.0, kind="confirm")
    assert ranks(bench) == [(1, "alice")]


def test_the_same_artefact_pushed_again_is_the_same_entry_with_all_its_runs(cast, bench):
    for ratio in (2.0, 2.4, 2.1):
        bench.verdict(bench.pull(cast.alice), ratio, artefact_sha256="a" * 64)
    found = entry(bench)
    assert (found.ratio, found.runs) == (2.1, 3), "the middle run, not the best of three throws"


def test_the_same_artefact_pushed_again_does_not_shake_off_a_wrong_answer(cast, bench):
    old, new = bench.pull(cast.alice), bench.pull(cast.alice)
    bench.verdict(old, 2.0, artefact_sha256="a" * 64)
    bench.verdict(old, 0.0, kind="confirm", outcome="wrong_answer", artefact_sha256="a" * 64)
    bench.verdict(new, 2.0, artefact_sha256="a" * 64)
    assert ranks(bench) == []
    assert unconfirmed(bench) == [new], "only a confirmation brings it back"


def test_the_same_artefact_of_another_contributor_is_another_entry(cast, bench):
    bench.verdict(bench.pull(cast.alice), 2.0, artefact_sha256="a" * 64)
    bench.verdict(bench.pull(cast.bob), 2.4, artefact_sha256="a" * 64)
    assert [name for _rank, name in ranks(bench)] == ["bob", "alice"]


def test_a_suspicious_run_is_not_wiped_away_by_another_one(cast, bench):
    patch_set = bench.pull(cast.alice)
    bench.verdict(patch_set, 9.0, outcome="suspicious")
    bench.verdict(patch_set, 3.0)
    assert ranks(bench) == []
    assert unconfirmed(bench) == []


def test_an_earlier_board_is_still_there_after_the_rules_changed(cast, bench):
    bench.verdict(bench.pull(cast.alice), 2.0)
    old = bench.task.current
    bench.task.current = bench.task.revisions.create(digest="other", files=b"", created_at=clock.now())
    bench.task.save()
    revision, found = earlier_board(bench.task, HARDWARE)
    assert revision == old
    assert [line.user for line in found.entries] == [cast.alice]


def test_another_revision_is_another_board(cast, bench, db):
    bench.verdict(bench.pull(cast.alice), 2.0)
    bench.task.current = bench.task.revisions.create(digest="other", files=b"", created_at=clock.now())
    bench.task.save()
    assert ranks(bench) == []


def test_the_baseline_stands_where_the_ratio_passes_one(cast, bench):
    bench.verdict(bench.pull(cast.alice), 2.0)
    bench.verdict(bench.pull(cast.bob), 0.5)
    assert board(bench.task, HARDWARE).baseline_after == 1


def test_the_figure_is_plain_json_with_an_interval_for_each_entry(cast, bench):
    bench.verdict(bench.pull(cast.alice), 2.0)
    found = json.loads(json.dumps(figure(board(bench.task, HARDWARE))))
    assert found["data"][0]["error_x"]["array"] == pytest.approx([0.05])


@pytest.mark.parametrize("ends", [(0.3, 1), (0.91, 1.76), (0.99, 1.21), (1, 1.5), (1, 2.2), (1, 5), (1, 60)])
def test_the_axis_of_ratios_has_enough_labels_to_read_it_and_few_enough_for_a_phone(ends):
    seen = [tick for tick in ratio_axis(ends)["tickvals"] if ends[0] <= tick <= ends[1]]
    assert 3 <= len(seen) <= MOST_TICKS, seen


def timed(bench: Bench, who: User, ratio: float, *, confirmed: bool = True) -> PatchSet:
    patch_set = bench.pull(who)
    bench.verdict(patch_set, ratio)
    if confirmed:
        bench.verdict(patch_set, ratio, kind="confirm")
    return patch_set


def test_a_record_is_confirmed_and_clearly_above_the_one_before_it(cast, bench):
    timed(bench, cast.alice, 2.0)
    timed(bench, cast.bob, 9.0, confirmed=False)
    timed(bench, cast.mei, 2.05)
    timed(bench, cast.bob, 3.0)
    timed(bench, cast.alice, 1.0)
    found = history(board(bench.task, HARDWARE))
    assert [(moment.ratio, moment.is_record) for moment in found] == [
        (2.0, True),
        (9.0, False),
        (2.05, False),
        (3.0, True),
        (1.0, False),
    ]
    assert record_of(found).user == cast.bob
    assert record_of([]) is None
    assert [(made.user, made.ratio) for made in stored.moved_last(1)] == [(cast.bob, 3.0)]


def test_what_fell_off_the_board_is_in_no_history(cast, bench):
    gone = timed(bench, cast.alice, 9.0)
    timed(bench, cast.bob, 2.0)
    bench.verdict(gone, 0.0, kind="confirm", outcome="wrong_answer")
    assert [moment.user for moment in history(board(bench.task, HARDWARE))] == [cast.bob]


def test_the_history_figure_has_steps_for_records_and_is_plain_json(cast, bench):
    timed(bench, cast.alice, 2.0)
    timed(bench, cast.bob, 3.0)
    timed(bench, cast.mei, 1.0)
    made = json.loads(json.dumps(history_figure(history(board(bench.task, HARDWARE)))))
    steps, records, others = made["data"]
    assert steps["y"] == [2.0, 3.0, 3.0], "the last record holds until the end"
    assert (records["y"], others["y"]) == ([2.0, 3.0], [1.0])
    Figure(made)  # raises on a property that Plotly does not have


def test_boards_of_many_tasks_take_as_many_queries_as_of_one(
    cast, bench, make_task, django_assert_num_queries
):
    timed(bench, cast.alice, 2.0)
    other = Bench(make_task("row-softmax"), bench.worker, made=100)
    timed(other, cast.bob, 3.0)
    tasks = list(timed_tasks())
    timed(other, cast.alice, 1.5)
    with django_assert_num_queries(1):
        found = stored.boards_on(tasks, 1)
    assert {board.task.slug: board.number for boards in found.values() for board in boards} == {
        "vector-add": 1,
        "row-softmax": 2,
    }
    with django_assert_num_queries(1):
        found = stored.boards_on(tasks)
    assert {
        slug: [line.ratio for line in found[pk][0].entries] for slug, pk in ((t.slug, t.pk) for t in tasks)
    } == {
        "vector-add": [2.0],
        "row-softmax": [3.0, 1.5],
    }
    with django_assert_num_queries(2):
        moved = stored.moved_last(5)
    assert [made.pull.task.slug for made in moved] == ["row-softmax", "vector-add"]
    assert [made.pull.task.slug for made in stored.moved_last(1)] == ["row-softmax"]
