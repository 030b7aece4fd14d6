"""Workers register with a token, earn their hardware class by saying hello, and are online while heard."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from bench_runner.contract import JOB_TIME_LIMIT, ContractError, TimeLimits
from hub import flow
from hub.bench import actions as bench
from hub.bench import queries
from hub.bench.models import Job, Worker
from hub.core import clock
from hub.pulls.queries import facts
from tests.hub.story import HARDWARE, Story, hello
from tests.people import Cast

pytestmark = pytest.mark.django_db


def test_a_token_is_shown_once_and_stored_as_its_digest() -> None:
    token = bench.register_worker("rack-7")
    assert token is not None
    assert token.startswith("tsw_")
    assert queries.worker_by_token(token) == Worker.objects.get(name="rack-7")
    assert token not in Worker.objects.get().token_digest


def test_registering_again_voids_the_earlier_token() -> None:
    first, second = bench.register_worker("rack-7"), bench.register_worker("rack-7")
    assert queries.worker_by_token(str(first)) is None
    assert queries.worker_by_token(str(second)) is not None
    assert Worker.objects.count() == 1


@pytest.mark.parametrize("name", ["", "../rack", "rack 7", "r" * 61])
def test_a_name_that_no_worker_may_have_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(CommandError, match="1 to 60 letters, digits"):
        call_command("add_worker", name)
    assert not Worker.objects.exists()


def test_add_worker_prints_a_line_for_the_shell_and_the_warning_beside_it() -> None:
    shown, beside = StringIO(), StringIO()
    call_command("add_worker", "rack-7", stdout=shown, stderr=beside)
    variable, token = shown.getvalue().strip().split("=")
    assert variable == "WORKER_TOKEN"
    assert queries.worker_by_token(token) == Worker.objects.get(name="rack-7")
    assert "no longer counts" in beside.getvalue()


def test_a_token_that_is_known_is_kept_if_asked() -> None:
    token = bench.register_worker("rack-7")
    assert bench.register_worker("rack-7", keep_if=str(token)) is None
    assert bench.register_worker("rack-7", keep_if="tsw_other") is not None


def test_hub_and_worker_derive_their_times_from_the_same_limit() -> None:
    assert bench.time_limits() == TimeLimits.derive(JOB_TIME_LIMIT)


def test_a_worker_is_online_while_it_is_heard() -> None:
    bench.register_worker("rack-7")
    worker = Worker.objects.get()
    assert not queries.is_online(worker)
    bench.hello(worker, hello())
    assert queries.is_online(worker)
    Worker.objects.update(last_seen_at=clock.now() - timedelta(seconds=46))
    worker.refresh_from_db()
    assert not queries.is_online(worker)


def test_hello_earns_the_hardware_class_and_says_when_it_is_news() -> None:
    bench.register_worker("rack-7")
    worker = Worker.objects.get()
    assert bench.hello(worker, hello(fingerprint={"cpu": "Fast\x00 9000"})) is True
    assert (worker.hardware_class, worker.fingerprint) == (HARDWARE, {"cpu": "Fast 9000"})
    assert bench.hello(worker, hello()) is False
    assert queries.hardware_classes() == [HARDWARE]


@pytest.mark.parametrize("name", ["", "CPU x86", "gpu/h100", "x" * 41, "-gpu"])
def test_a_hardware_class_that_names_no_queue_is_refused(name: str) -> None:
    bench.register_worker("rack-7")
    with pytest.raises(ContractError, match="hardware_class: small letters"):
        bench.hello(Worker.objects.get(), hello(name))


def test_a_worker_of_another_version_is_told_to_update() -> None:
    bench.register_worker("rack-7")
    with pytest.raises(ContractError, match="run the same release on both"):
        bench.hello(Worker.objects.get(), hello(version=9))


def test_the_first_worker_of_a_class_brings_the_waiting_checks(story: Story, cast: Cast) -> None:
    patch_set = story.push(cast.alice)
    assert story.live() == []
    assert "No worker for cpu has reported yet" in str(queries.why_waiting(facts(patch_set.pull)))
    worker = story.worker()
    [job] = story.live()
    assert (job.patch_set, job.kind, job.hardware_class) == (patch_set, "check", HARDWARE)
    assert queries.why_waiting(facts(patch_set.pull)) is None
    assert [waiting.pk for waiting in flow.worker_reported(worker, hello())] == [job.pk]


def test_a_worker_hears_only_of_jobs_that_it_could_claim(story: Story, cast: Cast) -> None:
    worker, other = story.worker(), story.worker("gpu-h100")
    story.push(cast.alice)
    story.push(cast.bob)
    first, second = story.live()
    Job.objects.filter(pk=first.pk).update(not_before=clock.now() + timedelta(minutes=1))
    assert [waiting.pk for waiting in flow.worker_reported(worker, hello())] == [second.pk]
    assert flow.worker_reported(other, hello("gpu-h100")) == []


def test_every_time_follows_from_the_one_limit() -> None:
    limits = bench.time_limits()
    assert limits == TimeLimits.derive(timedelta(seconds=600))
    ordered = [limits.soft, limits.hard, limits.lease, limits.token, limits.visibility]
    assert ordered == sorted(ordered)
    assert [time.total_seconds() for time in ordered] == [540, 600, 660, 720, 780]
