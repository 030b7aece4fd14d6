"""Taking over what reviewers suggest: one commit on the author's branch, under the rules of a push.

Not in charge of what a suggestion is (`hub/pulls/suggestions.py`) nor of git (`hub/repos/editing.py`). What
the commit becomes is the same as for any push: the next patch set, judged from the start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from hub import flow
from hub.accounts.models import User
from hub.audit.actions import record
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls.models import Comment, PatchSet, PullRequest
from hub.pulls.pushing import push_policy
from hub.pulls.queries import current_patch_set
from hub.pulls.suggestions import Suggestion, applied, parse
from hub.repos import editing, git


def apply(pull: PullRequest, by: User, remarks: Sequence[Comment]) -> PatchSet:
    """Commit what these remarks suggest to the author's branch; the patch set that it becomes.

    Raises:
        NotAllowed: not the author of the work.
        NotNow: it is not open, or a newer patch set was pushed.
        BadInput: no suggestion among them, lines that are not there, or a push of the same would be refused.
    """
    if by.pk != pull.author_id:
        raise NotAllowed(_("Only the author takes over a suggestion: the branch is theirs."))
    current = current_patch_set(pull)
    if pull.state != PullRequest.State.OPEN or current is None:
        raise NotNow(_("This pull request is %(state)s by now.") % {"state": pull.get_state_display()})
    files = _files(current, _by_path(current, remarks))
    try:
        policy = push_policy(pull.task.repository, by)
        sha = editing.push_files(policy, pull.ref, files, by, _message(remarks), current.head_sha)
    except editing.Refused as refused:
        raise BadInput(str(refused)) from refused
    if sha is None:
        raise NotNow(_("A newer commit was pushed meanwhile: look at that one."))
    _note(pull, by, remarks, sha)
    flow.branches_moved(pull.task.repository)
    return PatchSet.objects.get(pull=pull, head_sha=sha)


def _by_path(current: PatchSet, remarks: Sequence[Comment]) -> dict[str, list[tuple[int, Suggestion]]]:
    changes: dict[str, list[tuple[int, Suggestion]]] = defaultdict(list)
    for remark in remarks:
        suggestion = parse(remark.body).suggestion
        if suggestion is None or remark.line is None or remark.side != Comment.Side.NEW:
            raise BadInput(_("This remark suggests no lines."))
        if remark.patch_set_id != current.pk or remark.applied_sha:
            raise NotNow(_("This suggestion is for an older patch set: the lines may be others by now."))
        changes[remark.path].append((remark.line, suggestion))
    if not changes:
        raise BadInput(_("Choose a suggestion first."))
    return changes


def _files(current: PatchSet, changes: dict[str, list[tuple[int, Suggestion]]]) -> dict[str, bytes]:
    slug, made = current.pull.task.slug, {}
    for path, wanted in changes.items():
        before = git.content(slug, current.head_sha, path)
        if before is None:
            raise BadInput(_("There is no file %(path)s to change.") % {"path": path})
        made[path] = applied(before, wanted)
        if made[path] == before:
            raise BadInput(_("The suggestion changes nothing."))
    return made


def _message(remarks: Sequence[Comment]) -> str:
    names = sorted({remark.author.username for remark in remarks})
    subject = "Apply a suggestion" if len(remarks) == 1 else f"Apply {len(remarks)} suggestions"
    return f"{subject} of {', '.join(names)}\n"


def _note(pull: PullRequest, by: User, remarks: Sequence[Comment], sha: str) -> None:
    """Their threads are done with."""
    begun = [remark.thread_id or remark.pk for remark in remarks]
    with transaction.atomic():
        Comment.objects.filter(pk__in=[remark.pk for remark in remarks]).update(applied_sha=sha)
        open_ones = Comment.objects.filter(pk__in=begun, resolved_at=None).exclude(path="")
        open_ones.update(resolved_at=clock.now(), resolved_by=by)
        for remark in remarks:
            record(by, "suggestion.applied", remark, pull=pull.pk, commit=sha)
