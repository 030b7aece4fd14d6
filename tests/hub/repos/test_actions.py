"""Opening a repository, and noting what moved in it."""

from __future__ import annotations

import os
import time

import pytest

from hub.audit.models import Event
from hub.core.refs import MAIN
from hub.repos import git
from hub.repos.actions import note_pushes, open_repository
from hub.repos.models import Push, Repository
from tests import people
from tests.hub.repos.conftest import FILES, SLUG, make_task

FAST = "refs/heads/alice/fast"
OWN = "solutions/alice/solution.c"


@pytest.fixture
def repository(cast: people.Cast) -> Repository:
    return open_repository(make_task(), FILES, "Start")


def test_opening_again_with_the_same_files_changes_nothing(repository: Repository) -> None:
    main = git.main_sha(SLUG)
    assert open_repository(repository.task, FILES, "Again") == repository
    assert git.main_sha(SLUG) == main
    assert Event.objects.filter(verb="repository.opened").count() == 1


def test_a_new_revision_s_starters_come_on_top_of_main(repository: Repository) -> None:
    merged = git.commit_files(SLUG, MAIN, {OWN: b"int y;\n"}, None, "Merge", git.main_sha(SLUG))
    open_repository(repository.task, {**FILES, "starter/c/solution.c": b"int newer;\n"}, "Revision 2")
    main = git.main_sha(SLUG)
    assert git.merge_base(SLUG, main, merged) == merged
    assert git.bundle(SLUG, main, "solutions/alice") == {"solution.c": b"int y;\n"}
    assert git.bundle(SLUG, main, "starter/c") == {"solution.c": b"int newer;\n"}


def test_each_move_of_a_branch_is_noted_once(repository: Repository, cast: people.Cast) -> None:
    main = git.main_sha(SLUG)
    first = git.commit_files(SLUG, FAST, {OWN: b"1"}, cast.alice, "One", main)
    assert [push.new for push in note_pushes(repository)] == [first]
    assert note_pushes(repository) == []
    second = git.commit_files(SLUG, FAST, {OWN: b"2"}, cast.alice, "Two", first)
    (push,) = note_pushes(repository)
    assert (push.user, push.ref, push.old, push.new) == (cast.alice, FAST, first, second)
    assert Event.objects.filter(verb="branch.pushed", actor=cast.alice).count() == 2


def test_main_and_branches_of_nobody_are_no_pushes(repository: Repository) -> None:
    git.commit_files(SLUG, "refs/heads/ghost/x", {OWN: b"1"}, None, "Boo", git.main_sha(SLUG))
    assert note_pushes(repository) == []
    assert not Push.objects.exists()


def test_locks_and_quarantines_of_killed_processes_are_cleared(repository: Repository) -> None:
    bare = git.path_of(SLUG)
    stale, fresh = bare / "refs/heads/alice/fast.lock", bare / "packed-refs.lock"
    quarantine = bare / "objects/tmp_objdir-incoming-abc"
    stale.parent.mkdir(parents=True)
    quarantine.mkdir()
    (quarantine / "pack").mkdir()
    for path in (stale, fresh):
        path.touch()
    long_ago = time.time() - 3600
    for path in (stale, quarantine):
        os.utime(path, (long_ago, long_ago))
    open_repository(repository.task, FILES, "Again")
    assert [path.exists() for path in (stale, quarantine, fresh)] == [False, False, True]
