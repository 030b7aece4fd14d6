"""What a person may push to a task now, gathered for the git door: claim, allowed files, ended pull requests.

Not in charge of enforcing it (`hub/repos/hooks`).
"""

from __future__ import annotations

from hub.accounts.models import User
from hub.catalog.queries import spec_of
from hub.claims.queries import why_not_push
from hub.pulls.models import PullRequest
from hub.repos.access import Policy, allowed_for
from hub.repos.models import Repository


def push_policy(repository: Repository, user: User) -> Policy:
    """The rules of this push, by the revision that will judge it: the task's current one."""
    task = repository.task
    if task.current is None:
        return Policy(task.slug, user.username, (), 0, 0, refusal=f"The task {task.slug} is not published.")
    paths = spec_of(task.current).paths
    return Policy(
        task=task.slug,
        username=user.username,
        allowed=allowed_for(user.username, paths.allowed),
        max_files=paths.max_files,
        max_bytes=paths.max_bytes,
        refusal=why_not_push(task, user),
        ended=_ended(repository, user),
    )


def _ended(repository: Repository, user: User) -> dict[str, str]:
    rows = PullRequest.objects.filter(task=repository.task, author=user).exclude(state=PullRequest.State.OPEN)
    return {
        topic: f"{state} {sha}".strip()
        for topic, state, sha in rows.values_list("topic", "state", "merged_sha")
    }
