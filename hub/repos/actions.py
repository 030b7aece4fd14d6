"""Writes about repositories: opening one, and noting what pushes moved."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from hub.accounts.models import User
from hub.audit import actions as audit
from hub.catalog.models import Task
from hub.core import clock
from hub.core.refs import MAIN, branch_of
from hub.repos import git, leftovers
from hub.repos.models import Push, Repository


def open_repository(task: Task, files: Mapping[str, bytes], message: str) -> Repository:
    """The repository of a task, made with `files` on `main` if there is none yet.

    In one that exists, files that differ are committed to `main`: a new revision brings new starters.
    """
    if git.exists(task.slug):
        leftovers.clear(git.path_of(task.slug))
        main = git.main_sha(task.slug)
        git.commit_files(task.slug, MAIN, files, None, message, main)
    else:
        git.create(task.slug, files, message)
    repository, new = Repository.objects.get_or_create(task=task, defaults={"created_at": clock.now()})
    if new:
        audit.record(None, "repository.opened", repository)
    return repository


def note_pushes(repository: Repository) -> list[Push]:
    """Write down every contributor's branch that stands elsewhere than its last push says: the new rows.

    Idempotent: it compares what git has with what is written, so a push whose end nobody saw is noted later.
    """
    slug = repository.task.slug
    heads = {ref: sha for ref, sha in git.branches(slug).items() if branch_of(ref) is not None}
    known = _last_pushes(repository)
    for ref, sha in heads.items():
        if known.get(ref) != sha:
            git.keep(slug, sha)
    with transaction.atomic():
        Repository.objects.select_for_update().get(pk=repository.pk)  # one at a time where rows can be locked
        known = _last_pushes(repository)
        moved = {ref: sha for ref, sha in heads.items() if known.get(ref) != sha}
        names = {branch[0] for ref in moved if (branch := branch_of(ref)) is not None}
        people = {user.username: user for user in User.objects.filter(username__in=names)}
        return [
            _note(repository, people[user], ref, known.get(ref, git.ZERO), sha)
            for ref, sha in moved.items()
            if (user := ref.split("/")[2]) in people
        ]


def _last_pushes(repository: Repository) -> dict[str, str]:
    return dict(Push.objects.filter(repository=repository).order_by("id").values_list("ref", "new"))


def _note(repository: Repository, user: User, ref: str, old: str, new: str) -> Push:
    push = Push.objects.create(repository=repository, user=user, ref=ref, old=old, new=new, at=clock.now())
    audit.record(user, "branch.pushed", push, ref=ref, old=old, new=new)
    return push
