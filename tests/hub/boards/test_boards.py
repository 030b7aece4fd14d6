"""Boards: best confirmed entry of each contributor, shared ranks where intervals overlap."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from hub.accounts.models import User
from hub.bench.models import Attempt, Job, Verdict, Worker
from hub.boards.plots import figure
from hub.boards.queries import board, hardware_classes, is_new_first
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
        return Verdict.objects.create(
            job=job,
            attempt=attempt,
            ratio=ratio,
            low=ratio - margin,
            high=ratio + margin,
            at=clock.now(),
            **values,
        )


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


def test_entries_whose_intervals_overlap_share_a_rank(cast, bench):
    bench.verdict(bench.pull(cast.alice), 3.00)
    bench.verdict(bench.pull(cast.bob), 3.06)
    bench.verdict(bench.pull(cast.mei), 2.00)
    assert ranks(bench) == [(1, "bob"), (1, "alice"), (3, "mei")]


def test_each_contributor_has_one_entry(cast, bench):
    bench.verdict(bench.pull(cast.alice), 2.0)
    bench.verdict(bench.pull(cast.alice), 2.5)
    assert ranks(bench) == [(1, "alice")]
    assert board(bench.task, HARDWARE).entries[0].ratio == 2.5


def test_a_confirmed_entry_shows_the_lower_of_its_two_runs(cast, bench):
    patch_set = bench.pull(cast.alice)
    bench.verdict(patch_set, 3.0)
    bench.verdict(patch_set, 2.8, kind="confirm")
    entry = board(bench.task, HARDWARE).entries[0]
    assert entry.confirmed
    assert entry.ratio == 2.8


@pytest.mark.parametrize("columns", [{"outcome": "suspicious"}, {"ranked": False}])
def test_only_passed_and_sandboxed_verdicts_make_entries(cast, bench, columns):
    bench.verdict(bench.pull(cast.alice), 9.0, **columns)
    assert ranks(bench) == []
    assert hardware_classes(bench.task) == []


def test_a_new_first_place_wants_confirmation_once(cast, bench):
    bench.verdict(bench.pull(cast.alice), 2.0)
    patch_set = bench.pull(cast.bob)
    verdict = bench.verdict(patch_set, 3.0)
    assert is_new_first(verdict)
    bench.verdict(patch_set, 3.0, kind="confirm")
    assert not is_new_first(verdict)


def test_a_second_place_wants_no_confirmation(cast, bench):
    bench.verdict(bench.pull(cast.alice), 3.0)
    assert not is_new_first(bench.verdict(bench.pull(cast.bob), 2.0))


def test_a_leader_who_improves_is_confirmed_anew(cast, bench):
    old = bench.pull(cast.alice)
    bench.verdict(old, 2.0)
    bench.verdict(old, 2.0, kind="confirm")
    assert is_new_first(bench.verdict(bench.pull(cast.alice), 4.0))


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
