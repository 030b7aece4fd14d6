"""A made-up community: as large as asked, the same for the same seed, fit for every page, and harmless."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from hub import jobs
from hub.accounts.models import User
from hub.bench.models import Job, Measurement, Verdict
from hub.boards.stored import boards_of
from hub.catalog.models import Task
from hub.catalog.queries import spec_of
from hub.demo import people
from hub.demo.crowd import sizes
from hub.pulls.models import PullRequest, Review
from hub.pulls.queries import facts_of, stage_of
from tests.hub.web.conftest import Visitor

pytestmark = pytest.mark.django_db

TINY = sizes.Size(people=70, tasks=4, verdicts=120)
UNTIL = datetime(2026, 5, 31, tzinfo=UTC)


def make(seed: int = 1) -> None:
    sizes.make(TINY, seed, UNTIL, lambda line: None)


def told(seed: int) -> list[Any]:
    """What a community says, and the database as it was before."""
    with transaction.atomic():
        make(seed)
        rows = [
            list(User.objects.order_by("username").values_list("username", "display_name", "date_joined")),
            list(Task.objects.order_by("slug").values_list("uuid", "slug", "current__digest")),
            list(
                Verdict.objects.order_by("at").values_list("job", "outcome", "ratio", "artefact_sha256", "at")
            ),
        ]
        transaction.set_rollback(True)
    return rows


def test_a_community_is_as_large_as_it_was_asked_for() -> None:
    make()
    assert Verdict.objects.count() == TINY.verdicts
    assert Task.objects.count() == TINY.tasks
    assert User.objects.filter(is_house=False).count() == TINY.people
    assert Measurement.objects.filter(verdict__ratio__isnull=False).exists()
    assert not Job.objects.exclude(state=Job.State.FINISHED).exists()


def test_the_same_seed_makes_the_same_community_and_another_one_another() -> None:
    first, second, third = told(1), told(1), told(2)
    assert first == second
    assert first[1] != third[1]
    assert first[2] != third[2]


def test_what_is_made_up_obeys_the_hubs_own_rules() -> None:
    make()
    for task in Task.objects.select_related("current"):
        assert spec_of(task.current).title.zh == task.title_zh
    for pull in PullRequest.objects.filter(state=PullRequest.State.MERGED):
        assert Job.objects.filter(patch_set__pull=pull, kind="merge", verdict__outcome="passed").exists()
    for review in Review.objects.select_related("patch_set__pull"):
        assert review.reviewer_id != review.patch_set.pull.author_id
    assert all(stage_of(facts) for facts in facts_of(PullRequest.objects.all()).values())
    assert any(board.entries for task in Task.objects.all() for board in boards_of(task))
    connection.check_constraints()


def test_a_hub_starts_with_it_and_leaves_its_tasks_to_their_own_mentors() -> None:
    make()
    before = set(Task.mentors.through.objects.values_list("task", "user"))
    people.make_people()
    assert people.push_examples() == 0
    jobs.run_rules()
    assert not Job.objects.exclude(state=Job.State.FINISHED).exists()  # nobody could judge anything of it
    assert set(Task.mentors.through.objects.values_list("task", "user")) == before


@pytest.mark.slow
def test_its_pages_can_be_read() -> None:
    make()
    pull = PullRequest.objects.filter(state=PullRequest.State.MERGED).select_related("author").first()
    board = Verdict.objects.filter(ratio__isnull=False).select_related("job__patch_set__pull__task").first()
    assert pull is not None
    assert board is not None
    slug = board.job.patch_set.pull.task.slug
    of_board = f"/boards/{slug}/{board.job.hardware_class}/"
    for path in ("/", "/tasks/", "/boards/", "/pulls/", f"/pulls/{pull.pk}/", f"/tasks/{slug}/", of_board):
        assert Visitor(None).client.get(path).status_code == 200, path


def test_work_without_a_repository_says_so_on_every_page_of_it() -> None:
    make()
    maintainer = User.objects.create_user("max", is_maintainer=True)
    seen = []
    for state in PullRequest.State:
        pull = PullRequest.objects.filter(state=state).exclude(author__is_house=True)[0]
        newest = pull.patch_sets.count()
        for visitor in (Visitor(None), Visitor(maintainer)):
            for end in ("", "diff/", f"diff/?patch_set={newest}&since=1", "diff/?view=split", "timing/"):
                answer = visitor.client.get(f"/pulls/{pull.pk}/{end}")
                assert answer.status_code == 200, (state, end)
                seen.append("diff" in end and "This task has no repository" in answer.text)
        for action in ("merge", "rerun", "close", "reopen"):
            assert Visitor(maintainer).client.post(f"/pulls/{pull.pk}/{action}/").status_code == 302, action
    assert seen.count(True) == 3 * 2 * 3


def test_a_database_with_real_people_is_refused() -> None:
    User.objects.create(username="grace")
    with pytest.raises(CommandError, match="grace"):
        call_command("demo_data", "small", verbosity=0)
    assert not Task.objects.exists()


def test_demo_people_are_joined_only_where_the_database_is_named() -> None:
    User.objects.create(username="alice", is_demo=True)
    with pytest.raises(CommandError, match="--into"):
        call_command("demo_data", "small", verbosity=0)
    with pytest.raises(CommandError, match="not 'elsewhere'"):
        call_command("demo_data", "small", into="elsewhere", verbosity=0)
    sizes.require_no_real_data(str(connection.settings_dict["NAME"]))


def test_a_second_community_is_refused() -> None:
    make()
    with pytest.raises(CommandError, match="already"):
        call_command("demo_data", "small", into=str(connection.settings_dict["NAME"]), verbosity=0)
