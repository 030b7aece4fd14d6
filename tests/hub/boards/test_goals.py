"""Work below its task's speed goal: mentors are told with the figures, and merge it with a reason."""

from __future__ import annotations

import pytest

from hub import flow
from hub.audit.queries import events_about
from hub.boards.goals import WHY_LONGEST, shortfalls
from hub.core.errors import NotNow
from hub.pulls.models import MergeAttempt, PullRequest
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import Visitor
from tests.people import Cast

TARGET = 0.5  # of the task that stories are about
SAYS = "It does not reach the speed goal of the task."


@played_once
def slow(story: Story, cast: Cast) -> PullRequest:
    """alice's, approved, right and too slow."""
    story.worker()
    patch_set = story.push(cast.alice)
    story.run_all(ratio=0.4)
    flow.review(patch_set, cast.mei, "approve", "Right.")
    return patch_set.pull


def test_below_the_goal_a_merge_takes_a_reason_that_the_audit_keeps(slow: PullRequest, cast: Cast) -> None:
    with pytest.raises(NotNow, match=rf"speed goal \({HARDWARE}: 0\.40× \[0\.39, 0\.41\] < 0\.50×\)"):
        flow.merge(slow, cast.max, " \x00 ")
    attempt = flow.merge(slow, cast.max, "It is about\nbeing right." + "!" * WHY_LONGEST)
    told = events_about(attempt).get(verb="merge.requested").data
    assert told["below_goal"] == [f"{HARDWARE}: 0.40× [0.39, 0.41] < 0.50×"]
    assert told["why"].startswith("It is about being right.!")
    assert len(told["why"]) == WHY_LONGEST


@pytest.mark.slow
def test_the_forms_say_so_with_the_figures(slow: PullRequest, cast: Cast) -> None:
    page = f"/pulls/{slow.pk}/"
    for path, who in ((page, cast.max), (page, cast.mei), (f"{page}diff/", cast.mei)):
        shown = Visitor(who).get(path)
        assert SAYS in shown
        assert "0.40× the baseline, the goal is 0.50×" in shown
    assert SAYS not in Visitor(cast.alice).get(page)
    assert "没有达到任务的速度目标" in Visitor(cast.max, "zh-hans").get(page)
    assert "say why it is merged all the same" in Visitor(cast.max).send(f"{page}merge/")
    Visitor(cast.max).send(f"{page}merge/", {"why": "It is about being right."})
    assert MergeAttempt.objects.filter(patch_set__pull=slow).exists()


@pytest.mark.slow
def test_what_reaches_the_goal_or_was_not_timed_is_merged_as_ever(story: Story, cast: Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run(story.live()[0])
    flow.review(patch_set, cast.mei, "approve", "Right.")
    assert shortfalls(patch_set) == []
    story.run_all(ratio=TARGET * 1.03)  # with its interval of 2 % to either side
    assert shortfalls(patch_set) == []
    attempt = flow.merge(patch_set.pull, cast.max)
    assert "below_goal" not in events_about(attempt).get(verb="merge.requested").data


@pytest.mark.slow
def test_an_interval_that_begins_below_the_goal_does_not_reach_it(story: Story, cast: Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run_all(ratio=0.4987 / 0.98)  # its interval begins 2 % below
    [missed] = shortfalls(patch_set)
    assert (missed.low, missed.target) == (0.49, TARGET)
