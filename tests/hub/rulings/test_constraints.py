"""Each named constraint of rulings, broken on purpose; and what is decided stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model

from hub.bench.models import Verdict
from hub.core import clock
from hub.core.constraints import broken
from hub.rulings.models import Rejudge, RejudgeItem, Ruling
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


@played_once
def verdict(story: Story, cast: Cast) -> Verdict:
    story.worker()
    story.push(cast.alice)
    return story.run(story.live()[0], "suspicious")


def breaks(name: str, model: type[Model], **columns: Any) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)constraint") as refusal, transaction.atomic():
        model._default_manager.create(**columns)
    assert broken(refusal.value, model, name), f"{refusal.value} is not about {name}"


def ruling(verdict: Verdict, cast: Cast, **columns: Any) -> dict[str, Any]:
    return {
        "verdict": verdict, "kind": "clear", "by": cast.max, "reason": "Fine.", "at": clock.now(), **columns,
    }  # fmt: skip


def asked(verdict: Verdict, cast: Cast, **columns: Any) -> dict[str, Any]:
    job = verdict.job
    about = {"task": job.patch_set.pull.task, "revision": job.revision, "about": verdict}
    return {"scope": "verdict", "by": cast.max, "why": "Look.", "at": clock.now()} | about | columns


def test_a_verdict_has_one_first_ruling(verdict: Verdict, cast: Cast) -> None:
    Ruling.objects.create(**ruling(verdict, cast))
    breaks("ruling_one_first_per_verdict", Ruling, **ruling(verdict, cast))


def test_a_ruling_is_followed_by_one(verdict: Verdict, cast: Cast) -> None:
    first = Ruling.objects.create(**ruling(verdict, cast))
    Ruling.objects.create(**ruling(verdict, cast, follows=first))
    breaks("ruling_followed_once", Ruling, **ruling(verdict, cast, follows=first))


@pytest.mark.parametrize("columns", [{"by": None}, {"reason": ""}])
def test_a_person_rules_with_a_reason(verdict: Verdict, cast: Cast, columns: dict[str, Any]) -> None:
    breaks("ruling_of_a_person_has_a_reason", Ruling, **ruling(verdict, cast, **columns))


def test_what_is_held_back_names_the_earlier_work(verdict: Verdict, cast: Cast) -> None:
    breaks("ruling_hold_names_the_work", Ruling, **ruling(verdict, cast, kind="hold", by=None, reason=""))


def test_a_ruling_is_never_changed(verdict: Verdict, cast: Cast) -> None:
    made = Ruling.objects.create(**ruling(verdict, cast))
    with pytest.raises(TypeError, match="append-only"):
        made.save()
    with pytest.raises(TypeError, match="append-only"):
        Ruling.objects.all().update(reason="Other.")


def test_a_task_has_one_live_set(verdict: Verdict, cast: Cast) -> None:
    whole = asked(verdict, cast, scope="task", about=None)
    Rejudge.objects.create(**whole)
    breaks("rejudge_one_live_per_task", Rejudge, **whole)


def test_a_verdict_is_appealed_once(verdict: Verdict, cast: Cast) -> None:
    Rejudge.objects.create(**asked(verdict, cast, scope="appeal"))
    breaks("rejudge_appealed_once", Rejudge, **asked(verdict, cast, scope="appeal"))


@pytest.mark.parametrize("columns", [{"about": None}, {"scope": "task"}])
def test_a_set_of_one_names_its_verdict(verdict: Verdict, cast: Cast, columns: dict[str, Any]) -> None:
    breaks("rejudge_of_one_names_its_verdict", Rejudge, **asked(verdict, cast, **columns))


def test_what_is_decided_was_decided_by_somebody(verdict: Verdict, cast: Cast) -> None:
    breaks("rejudge_decided_by_somebody", Rejudge, **asked(verdict, cast, state="applied"))


def test_a_verdict_is_in_a_set_once(verdict: Verdict, cast: Cast) -> None:
    made = Rejudge.objects.create(**asked(verdict, cast))
    RejudgeItem.objects.create(rejudge=made, old=verdict)
    breaks("rejudge_item_once_per_verdict", RejudgeItem, rejudge=made, old=verdict)
