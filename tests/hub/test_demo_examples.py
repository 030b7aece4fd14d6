"""The demo's examples: those for processors at once, those for cards when a machine with one has come."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub.demo import people
from hub.pulls.models import PatchSet
from tests.hub.story import Story

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_examples_for_cards_wait_until_a_machine_has_one(make_story: Callable[..., Story]) -> None:
    story = make_story("row-softmax")
    story.worker()
    assert people.push_examples() == 2
    assert set(PatchSet.objects.values_list("device", flat=True)) == {"cpu"}
    story.worker("gpu-h100")
    assert people.push_examples() == 4
    assert sorted(PatchSet.objects.values_list("device", flat=True)) == ["cpu"] * 2 + ["gpu"] * 4
    assert {job.hardware_class for job in story.live(patch_set__device="gpu")} == {"gpu-h100"}
