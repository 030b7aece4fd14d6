"""A frozen board shows what was measured by then, to everybody and everywhere, until it is let go again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from hub import freezing, telling
from hub.audit.models import Event
from hub.bench.models import Worker
from hub.boards import stored
from hub.boards.queries import made_from
from hub.boards.runs import as_of, candidates
from hub.catalog.models import Task
from hub.core import clock
from hub.core.errors import NotAllowed, NotNow
from hub.notify.models import Notification
from tests.hub.boards.test_boards import HARDWARE, Bench
from tests.hub.programmes.conftest import new_programme
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def bench(make_task: Callable[..., Task], cast: Cast) -> Bench:
    worker = Worker.objects.create(name="w", token_digest="x", registered_at=clock.now())
    made = Bench(make_task(), worker)
    timed(made, cast, "alice", 2.0)
    return made


def timed(bench: Bench, cast: Cast, who: str, ratio: float) -> None:
    patch_set = bench.pull(getattr(cast, who))
    bench.verdict(patch_set, ratio)
    bench.verdict(patch_set, ratio, kind="confirm")


def stands(bench: Bench) -> list[str]:
    """Who stands on the board that pages read; what is computed for them must say the same."""
    found = [entry.user.username for entry in stored.Whole(bench.task, HARDWARE)[:]]
    task = Task.objects.get(pk=bench.task.pk)
    then = as_of(candidates(bench.task.current, HARDWARE), task.frozen_since(clock.now()))
    computed = made_from(task, HARDWARE, then)
    assert [entry.user.username for entry in computed.entries] == found
    return found


def test_what_is_measured_after_a_freeze_is_shown_when_it_is_let_go(bench: Bench, cast: Cast) -> None:
    freezing.freeze(bench.task, cast.max)
    timed(bench, cast, "bob", 3.0)
    assert stands(bench) == ["alice"]
    freezing.thaw(bench.task, cast.max)
    assert stands(bench) == ["bob", "alice"]
    done = Event.objects.filter(verb__startswith="boards.").values_list("verb", "actor__username")
    assert list(done) == [("boards.frozen", "max"), ("boards.thawed", "max")]


def test_another_run_of_a_frozen_entry_does_not_move_it(bench: Bench, cast: Cast) -> None:
    freezing.freeze(bench.task, cast.max)
    patch_set = bench.task.pulls.get().patch_sets.get()
    bench.verdict(patch_set, 1.0, kind="confirm")
    bench.verdict(patch_set, 1.0, kind="confirm")
    assert stored.Whole(bench.task, HARDWARE)[0].ratio == 2.0
    freezing.thaw(bench.task, cast.max)
    assert stored.Whole(bench.task, HARDWARE)[0].ratio == 1.0


def test_what_is_found_wrong_leaves_a_frozen_board_as_well(bench: Bench, cast: Cast) -> None:
    freezing.freeze(bench.task, cast.max)
    bench.verdict(bench.task.pulls.get().patch_sets.get(), 0.0, kind="confirm", outcome="wrong_answer")
    assert stands(bench) == []


def test_only_a_maintainer_freezes_and_only_once(bench: Bench, cast: Cast) -> None:
    for act in (freezing.freeze, freezing.thaw):
        with pytest.raises(NotAllowed):
            act(bench.task, cast.mei)
    with pytest.raises(NotNow, match="not frozen"):
        freezing.thaw(bench.task, cast.max)
    stale = Task.objects.get(pk=bench.task.pk)
    freezing.freeze(bench.task, cast.max)
    with pytest.raises(NotNow, match="frozen already"):
        freezing.freeze(stale, cast.max)


def test_nobody_hears_of_a_record_until_it_is_shown(bench: Bench, cast: Cast) -> None:
    freezing.freeze(bench.task, cast.max)
    timed(bench, cast, "bob", 3.0)
    telling.records(bench.task, HARDWARE)
    assert not Notification.objects.filter(user=cast.bob).exists()
    freezing.thaw(bench.task, cast.max)
    assert Notification.objects.get(user=cast.bob).what == "record.confirmed"


def test_a_programme_freezes_the_boards_of_its_tasks_until_its_end(
    bench: Bench, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    programme = new_programme(cast, [bench.task], kind="contest", policy="open", starts_at=-5, ends_at=5)
    programme.freeze_at = clock.now()
    programme.save()
    bench.task.refresh_from_db()
    timed(bench, cast, "bob", 3.0)
    assert stands(bench) == ["alice"], "before the sweeper came by, too"
    assert freezing.follow_programmes() == 1
    assert freezing.follow_programmes() == 0
    with pytest.raises(NotNow, match="keeps them frozen until its end"):
        freezing.thaw(bench.task, cast.max)
    over = clock.now() + timedelta(days=6)
    monkeypatch.setattr(clock, "now", lambda: over)
    assert freezing.follow_programmes() == 1
    assert stands(bench) == ["bob", "alice"]
    assert Event.objects.filter(verb="boards.thawed", actor=None).count() == 1
