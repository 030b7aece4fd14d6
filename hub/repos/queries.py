"""Reads about repositories."""

from __future__ import annotations

from django.conf import settings
from django.db.models import QuerySet

from hub.repos.models import Push, Repository


def repository_of(slug: str) -> Repository | None:
    """The repository of a task, with the task; None if there is no such task or it has none yet."""
    return Repository.objects.select_related("task__current").filter(task__slug=slug).first()


def clone_url(slug: str) -> str:
    return f"{settings.SITE_URL}/git/{slug}.git"


def pushes_to(repository: Repository, ref: str) -> QuerySet[Push]:
    """Pushes to one branch, newest first."""
    return Push.objects.filter(repository=repository, ref=ref)
