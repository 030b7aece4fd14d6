"""What a maintainer must know of is an alarm until it is over: logged once, on the page, named by doctor."""

from __future__ import annotations

import logging
import shutil
from collections import namedtuple
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from hub import flow
from hub.bench import actions as bench
from hub.bench import alarms
from hub.bench.models import Job, Worker
from hub.core import clock
from hub.pulls import actions as pulls
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story, attempt_id, hello
from tests.people import Cast

pytestmark = pytest.mark.django_db
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _a_roomy_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, 1 << 40))
    monkeypatch.setattr(alarms, "_told", set())


def texts() -> list[str]:
    return [alarm.text for alarm in alarms.alarms()]


def abandon(story: Story, job: Job) -> None:
    for _ in range(3):
        spec = story.claim(job)
        flow.attempt_failed(attempt_id(spec), spec.token, "the disk is full")


@played_once
def abandoned(story: Story, cast: Cast) -> Job:
    story.worker()
    story.push(cast.alice)
    job = story.live()[0]
    abandon(story, job)
    return job


def test_a_sound_hub_has_none(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.run_all()
    assert alarms.alarms() == []


def test_an_abandoned_job_is_one_with_its_last_fault(abandoned: Job) -> None:
    [alarm] = alarms.alarms()
    assert alarm.about == f"job {abandoned.pk} abandoned"
    assert alarm.pull == abandoned.patch_set.pull_id
    assert "the disk is full" in alarm.text


@pytest.mark.parametrize("end", ["run again", "pushed", "closed"])
def test_it_is_over_when_somebody_acts(story: Story, cast: Cast, abandoned: Job, end: str) -> None:
    pull = abandoned.patch_set.pull
    if end == "run again":
        flow.run_again(pull, cast.alice)
    elif end == "pushed":
        story.push(cast.alice)
    else:
        pulls.close(pull, cast.alice)
    assert alarms.alarms() == []


def test_it_is_logged_as_an_error_once_and_once_more_when_it_comes_back(
    story: Story, abandoned: Job, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    caplog.set_level(logging.INFO)
    assert [alarms.tell(), alarms.tell()] == [1, 0]
    [line] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "ALARM job" in line.message
    [again] = flow.run_again(abandoned.patch_set.pull, cast.alice)
    alarms.tell()
    assert "alarm over" in caplog.text
    abandon(story, again)
    assert alarms.tell() == 1


def test_the_log_tells_of_the_last_fault_at_once(
    story: Story, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    story.worker()
    story.push(cast.alice)
    abandon(story, story.live()[0])
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert any("abandoned after 3 attempts: the disk is full" in line for line in errors)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"resting_seconds": 60.0}, "after many faults in a row"),
        ({"trouble": "no sandbox: install bubblewrap"}, "takes no jobs: no sandbox: install bubblewrap"),
    ],
)
def test_a_worker_that_says_it_takes_no_job_is_one(
    story: Story, columns: dict[str, object], words: str
) -> None:
    worker = story.worker()
    bench.hello(worker, hello(**columns))
    [text] = texts()
    assert words in text
    bench.hello(worker, hello())
    assert texts() == []


def test_a_deaf_worker_is_one_and_a_silent_one_is_not(story: Story) -> None:
    story.worker()
    Worker.objects.update(unanswered_since=clock.now() - timedelta(minutes=5))
    [text] = texts()
    assert "has answered no canary since" in text
    Worker.objects.update(last_seen_at=clock.now() - timedelta(minutes=5))
    assert texts() == []


def test_a_class_that_nobody_serves_for_long_is_one(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    Job.objects.update(queued_at=clock.now() - timedelta(minutes=11))
    assert texts() == []
    Worker.objects.update(last_seen_at=clock.now() - timedelta(minutes=11))
    [text] = texts()
    assert text.startswith(f"1 jobs wait for {HARDWARE}")
    Job.objects.update(queued_at=clock.now() - timedelta(minutes=9))
    assert texts() == []


def test_a_disk_that_is_nearly_full_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, 1 << 20))
    [text] = texts()
    assert "has 1 MB free" in text


def test_doctor_names_them(abandoned: Job) -> None:
    shown = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=shown, no_color=True)
    [line] = [line for line in shown.getvalue().splitlines() if "Alarms" in line]
    assert "!!" in line
    assert "the disk is full" in line
