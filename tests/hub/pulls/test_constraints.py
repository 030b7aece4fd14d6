"""Each named constraint of pulls, broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model

from hub.core import clock
from hub.core.constraints import broken
from hub.pulls.models import Comment, MergeAttempt, PatchSet, PullRequest
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


@played_once
def patch_set(story: Story, cast: Cast) -> PatchSet:
    return story.push(cast.alice)


def breaks(name: str, model: type[Model], **columns: Any) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)constraint") as refusal, transaction.atomic():
        model._default_manager.create(**columns)
    assert broken(refusal.value, model, name), f"{refusal.value} is not about {name}"


def test_a_branch_has_one_pull_request_for_ever(patch_set: PatchSet) -> None:
    PullRequest.objects.update(state="closed")
    pull = patch_set.pull
    branch = {"task": pull.task, "author": pull.author, "topic": pull.topic}
    breaks("pull_one_per_branch", PullRequest, **branch, title="x", opened_at=clock.now())


def test_merged_needs_a_sha(patch_set: PatchSet) -> None:
    with pytest.raises(IntegrityError, match="pull_merged_needs_a_sha"), transaction.atomic():
        PullRequest.objects.update(state="merged")


def test_patch_sets_are_numbered_once(patch_set: PatchSet) -> None:
    columns = {"pull": patch_set.pull, "revision": patch_set.revision, "pushed_at": clock.now()}
    breaks("patch_set_numbered_once", PatchSet, number=1, head_sha="a" * 40, base_sha="b" * 40, **columns)


def test_a_comment_on_a_line_needs_a_path(patch_set: PatchSet, cast: Cast) -> None:
    columns = {"patch_set": patch_set, "author": cast.bob, "body": "x", "at": clock.now()}
    breaks("comment_line_needs_a_path", Comment, line=3, **columns)


@pytest.mark.parametrize("state", ["testing", "landing"])
def test_a_patch_set_is_merged_once_at_a_time(patch_set: PatchSet, cast: Cast, state: str) -> None:
    columns = {"patch_set": patch_set, "by": cast.max, "main_sha": "a" * 40, "at": clock.now()}
    MergeAttempt.objects.create(state="testing", merge_sha="b" * 40, **columns)
    breaks("merge_one_live_per_patch_set", MergeAttempt, state=state, merge_sha="c" * 40, **columns)


@pytest.mark.parametrize("state", ["testing", "landing", "landed"])
def test_a_merge_that_is_judged_has_a_commit(patch_set: PatchSet, cast: Cast, state: str) -> None:
    columns = {"patch_set": patch_set, "by": cast.max, "main_sha": "a" * 40, "at": clock.now()}
    breaks("merge_needs_a_commit", MergeAttempt, state=state, **columns)
