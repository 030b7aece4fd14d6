"""A published task's examples before the judge: an alarm where one differs from its label, rejects unseen."""

from __future__ import annotations

import pytest

from hub import publishing
from hub.bench import alarms
from hub.bench.examples import astray, tried
from hub.bench.models import Job, Verdict
from hub.catalog.queries import spec_of
from hub.pulls.models import PullRequest
from hub.repos import git
from hub.repos.access import hidden_refs
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import Visitor
from tests.people import Cast

pytestmark = pytest.mark.slow


@played_once
def judged(story: Story, cast: Cast) -> Story:
    """Each example got the verdict of its label."""
    story.worker()
    publishing.push_examples(story.task)
    publishing.push_rejects(story.task)
    labels = {example.name: example.verdict for example in spec_of(story.task.current).examples}
    while jobs := story.live():
        topic = jobs[0].patch_set.pull.topic
        story.run(jobs[0], labels[topic])
    return story


def test_every_example_is_judged_last_of_all_and_the_rejected_ones_are_never_timed(judged: Story) -> None:
    assert {job.priority for job in Job.objects.all()} == {Job.Priority.HOUSE}
    assert len(tried(judged.task)) == len(spec_of(judged.task.current).examples)
    assert all(one.outcome == one.example.verdict for one in tried(judged.task))
    rejects = Job.objects.filter(patch_set__pull__author__username="touchstone-rejects")
    assert set(rejects.values_list("kind", flat=True)) == {"check"}
    assert list(astray()) == []
    assert publishing.push_rejects(judged.task) == 0


def test_one_that_differs_from_its_label_is_an_alarm_on_the_pages_of_maintainers(
    judged: Story, cast: Cast
) -> None:
    wrong = PullRequest.objects.filter(author__username="touchstone-rejects").order_by("topic")[0]
    Verdict.objects.filter(job__patch_set__pull=wrong).update(outcome="passed")
    [(slug, one)] = astray()
    assert (slug, one.example.name, one.outcome, one.pull) == ("vector-add", wrong.topic, "passed", wrong.pk)
    told = [alarm for alarm in alarms.alarms() if alarm.about.startswith("example ")]
    assert [(alarm.pull, wrong.topic in alarm.text) for alarm in told] == [(wrong.pk, True)]
    page = Visitor(cast.max).get("/publish/task/vector-add/")
    assert page.count("not as labelled") == 1
    assert wrong.topic in page
    assert "/publish/task/vector-add/#examples" in Visitor(cast.max).get("/tasks/vector-add/")
    assert wrong.topic in Visitor(cast.max).get("/workers/")
    assert "#examples" not in Visitor(cast.mei).get("/tasks/vector-add/")


def test_contributors_see_nothing_of_what_must_not_pass(judged: Story, cast: Cast) -> None:
    reject = PullRequest.objects.filter(author__username="touchstone-rejects").order_by("topic")[0]
    shown = Visitor(cast.alice)
    for path in ("", "diff/", "timing/"):
        shown.get(f"/pulls/{reject.pk}/{path}", status=403)
        Visitor(cast.max).get(f"/pulls/{reject.pk}/{path}")
    said = shown.post(f"/pulls/{reject.pk}/comment/", {"body": "How?", "patch_set": "1"})
    assert said.status_code == 403
    for path in (
        "/",
        "/pulls/",
        "/people/touchstone-rejects/contributions/",
        f"/boards/vector-add/{HARDWARE}/",
    ):
        assert f'href="/pulls/{reject.pk}/"' not in shown.get(path)
    assert f"refs/heads/touchstone-rejects/{reject.topic}" in git.branches("vector-add")
    assert ("transfer.hideRefs", "refs/heads/touchstone-rejects") in hidden_refs(False, "alice")
