"""Maintainers publish and revise tasks: what is checked before, and what the judge tries after.

Not in charge of publishing itself (`flow.publish_task`) nor of archives (`hub/catalog/archives.py`).

Theory of operation. The site reads a task's files and runs none of them: names, task.toml, statements,
starters, examples, with every mistake at once. What only running can tell is told by the judge, in its
sandbox: the examples are pushed by accounts of the house, like anybody's work, and their verdicts say whether
inputs, oracle, baseline and tolerances hold together (`hub/bench/examples.py`). They are pushed again for
each revision: the boards of a revised task begin with those that must pass. What must not pass is kept from
contributors: on branches that git does not show, and on pages for whoever looks after the task.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from django.db.models import F
from django.utils.translation import gettext as _

from bench_runner.contract import Bundle, Outcome
from hub import flow
from hub.accounts.models import REJECTS, User
from hub.bench.queries import classes_for
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import files_of, spec_of
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.core.guard import each, guarded
from hub.core.ids import SLUG
from hub.core.refs import MAIN
from hub.pulls.models import PullRequest
from hub.pulls.queries import current_patch_sets
from hub.repos import collection, git
from tasks.spec import LANGUAGES, Example, TaskError, load_files

HOUSE = "touchstone"
KEY = re.compile(r"[\w.'\[\]{}* -]{1,80}")


@dataclass(frozen=True)
class Problem:
    """One mistake of a task: in which file, at which key (either may be empty), and its cure."""

    file: str
    key: str
    text: str


def why_not_publish(user: User) -> str | None:
    """Why this person publishes no tasks, as a sentence; None if they may."""
    if user.is_authenticated and user.is_maintainer:
        return None
    return _("Only maintainers publish tasks.")


def problems(slug: str, files: Bundle) -> list[Problem]:
    """Everything that reading the files finds; nothing of them is run."""
    if not SLUG.fullmatch(slug):
        return [Problem("", "", _("The name takes 2 to 63 small letters, digits and hyphens."))]
    if slug == collection.TASKS:
        return [Problem("", "", _("This name belongs to the repository of all tasks: choose another."))]
    if broken := [name for name, content in files.items() if b"\0" in content]:
        return [Problem(name, "", _("It holds a NUL byte: a task's files are text.")) for name in broken]
    try:
        load_files(slug, files)
    except TaskError as error:
        return [_problem(slug, text) for text in error.problems]
    return []


def publish(slug: str, files: Bundle, by: User, base: str = "") -> TaskRevision:
    """Make these files the current revision, and let the judge try its examples.

    `base` is the digest of the revision that was revised; empty for a new task.

    Raises:
        NotAllowed: no maintainer.
        BadInput: the files are no valid task: ask `problems`.
        NotNow: somebody published another revision meanwhile, or the id or name belongs to another task.
    """
    if why := why_not_publish(by):
        raise NotAllowed(why)
    if found := problems(slug, files):
        raise BadInput(" ".join(problem.text for problem in found))
    task = Task.objects.select_related("current").filter(slug=slug).first()
    if (task.current.digest if task and task.current else "") != base:
        raise NotNow(_("Another revision was published meanwhile: begin again from that one."))
    revision = flow.publish_task(slug, files, by)
    push_examples(revision.task)
    push_rejects(revision.task)
    return revision


def mirror() -> None:
    """Bring the repository of all tasks to what is published, unless a push waits there to be taken in."""
    with collection.locked():
        if collection.brought():
            return
        known = collection.known()
        rows = Task.objects.exclude(kind=Task.Kind.EXERCISE).exclude(current=None).select_related("current")
        stale = [
            row for row in rows.defer("current__files") if known.get(row.slug, [""])[0] != row.current.digest
        ]
        if stale:
            collection.commit({row.slug: files_of(row.current) for row in stale})
            collection.note(known | {row.slug: [row.current.digest, str(row.uuid)] for row in stale})


def absorb(by: User) -> None:
    """Publish what was pushed to the repository of all tasks; what is refused, the next mirror undoes."""
    with collection.locked():
        known, brought = collection.known(), collection.brought()
        for slug, files in brought.items():
            base = known.pop(slug, [""])[0]
            revision = guarded(partial(publish, slug, files, by, base), f"tasks/{slug}")
            if revision is not None:
                known[slug] = [revision.digest, str(revision.task.uuid)]
        if brought:
            collection.note(known)


def house(username: str = HOUSE) -> User:
    """An account that pushes tasks' examples: nobody logs in with it, and it gets no points."""
    columns = {"display_name": "Touchstone 试金石", "is_house": True, "is_active": False, "password": "!"}
    return User.objects.get_or_create(username=username, defaults=columns)[0]


def push_examples(task: Task) -> int:
    """Put a task's accepted examples on branches of the house; how many were new, changed or outdated.

    An example that older rules judged is pushed once more as it is: its next patch set is judged by today's.
    """
    return _push(task, house(), rejects=False)


def push_rejects(task: Task) -> int:
    """The same of the examples that must not pass; only who looks after the task sees what comes of them."""
    return _push(task, house(REJECTS), rejects=True)


def _push(task: Task, author: User, *, rejects: bool) -> int:
    task.refresh_from_db(fields=["current"])
    files, branches, pushed = files_of(task.current), git.branches(task.slug), 0
    outdated, folder = {pull.topic for pull in outdated_examples(task)}, f"solutions/{author.username}"
    for example in _to_try(task):
        if (example.verdict != Outcome.PASSED) != rejects:
            continue
        ref = f"refs/heads/{author.username}/{example.name}"
        own = example.files_of(files)
        old = git.bundle(task.slug, branches[ref], folder) if ref in branches else {}
        if own == old and example.name not in outdated:
            continue
        content: dict[str, bytes | None] = {f"{folder}/{name}": None for name in old}
        content |= {f"{folder}/{name}": data for name, data in own.items()}
        parent = branches.get(ref, branches[MAIN])
        git.commit_files(task.slug, ref, content, author, f"{example.about.en}\n", parent, anew=True)
        pushed += 1
    if pushed:
        flow.branches_moved(task.repository)
    return pushed


def _to_try(task: Task) -> list[Example]:
    """All examples but those for cards as long as no machine has one: they would wait."""
    spec, has_card = spec_of(task.current), bool(classes_for(task, "gpu"))
    return [one for one in spec.examples if has_card or LANGUAGES[one.language].device != "gpu"]


def outdated_examples(task: Task | None = None) -> list[PullRequest]:
    """Open pull requests of the house on tasks with ranks whose example was judged by older rules alone."""
    rows = current_patch_sets().filter(pull__author__is_house=True, pull__state=PullRequest.State.OPEN)
    rows = rows.exclude(pull__task__kind=Task.Kind.EXERCISE).exclude(revision=F("pull__task__current"))
    rows = rows.filter(pull__task__state=Task.State.PUBLISHED, **({"pull__task": task} if task else {}))
    pulls = [row.pull for row in rows.select_related("pull__task__current", "pull__author").order_by("pk")]
    return [pull for pull in pulls if pull.topic in {example.name for example in _to_try(pull.task)}]


def judge_examples_again() -> int:
    """Push what `outdated_examples` are of every task once more; of how many tasks."""
    outdated = outdated_examples()
    accepted = {pull.task_id: pull.task for pull in outdated if not pull.author.keeps_rejects}
    rejected = {pull.task_id: pull.task for pull in outdated if pull.author.keeps_rejects}
    return each(accepted.values(), push_examples) + each(rejected.values(), push_rejects)


def _problem(slug: str, text: str) -> Problem:
    """The reader says "tasks/<slug>/<file>: <key>: what is wrong; cure", the key where there is one."""
    place, colon, rest = text.partition(": ")
    if not colon or not place.startswith(f"tasks/{slug}"):
        return Problem("", "", text)
    key, colon, words = rest.partition(": ")
    if not colon or not KEY.fullmatch(key):
        key, words = "", rest
    return Problem(place.removeprefix(f"tasks/{slug}").lstrip("/"), key, words)
