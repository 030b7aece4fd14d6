"""Pay by stages: at each evaluation that a task's mentor says is passed, a share of what the task brings.

Theory of operation
- The rule is text, a stage a line: "Mid-term / 中期考核: 45". The shares are percent, 100 in all. A stage is
  known by its place, so that its name may change.
- What a task brings to somebody is in the ledger once their work is merged; before, it is the share of the
  task's points that their active claim would bring. It is split among the stages in whole points.
- A mentor's word is a row, and the last one about a stage counts. The last stage needs merged work.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.models import Programme, Task
from hub.claims.models import Claim
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.programmes import news, queries
from hub.programmes.models import Assessment
from hub.rewards.models import Reward
from hub.rewards.queries import split
from hub.rewards.rules import Words

STAGES_MOST, NOTE_LONGEST = 6, 1000
LINE = re.compile(r"([^/:：]{1,40})/([^/:：]{1,40})[:：]\s*(\d{1,3})\s*%?")


@dataclass(frozen=True)
class Stage:
    """One evaluation, and how many percent of what a task brings it pays."""

    place: int  # from 1
    title: Words
    percent: int


def stages_of(text: str) -> tuple[Stage, ...]:
    """The stages of a rule, in order; none of an empty one.

    Raises:
        ValueError: a line is no stage, there are too many, or the shares are not 100 in all.
    """
    found = []
    for place, line in enumerate(filter(str.strip, text.splitlines()), 1):
        if (read := LINE.fullmatch(line.strip())) is None or not int(read[3]):
            raise ValueError(line)
        found.append(Stage(place, Words(read[1].strip(), read[2].strip()), int(read[3])))
    if found and (len(found) > STAGES_MOST or sum(stage.percent for stage in found) != 100):
        raise ValueError(text)
    return tuple(found)


@dataclass(frozen=True)
class Work:
    """What somebody's work on a task brings, and what is said of it so far."""

    points: int
    merged: bool
    said: dict[int, Assessment]  # the last word, by the place of the stage

    def words(self, stages: Iterable[Stage]) -> list[tuple[Stage, Assessment | None]]:
        """Each stage with the last that was said of it."""
        return [(stage, self.said.get(stage.place)) for stage in stages]

    def due(self, stages: Iterable[Stage]) -> dict[int, int]:
        """Whole points by the place of the stage; of a stage that is not passed none."""
        shares = split(self.points, {stage.place: stage.percent for stage in stages})
        return {
            place: points if place in self.said and self.said[place].passed else 0
            for place, points in shares.items()
        }


@dataclass(frozen=True)
class Part(Work):
    """The same with whose it is, and on what."""

    task: Task
    user: User


def parts(programme: Programme, booked: QuerySet[Reward], tasks: Iterable[Task] | None = None) -> list[Part]:
    """Everybody's work on its tasks, or on these, by task and name."""
    found = works(programme, booked, tasks)
    known = Task.objects.in_bulk({task for task, _user in found})
    people = User.objects.in_bulk({user for _task, user in found})
    every = [
        Part(work.points, work.merged, work.said, known[task], people[user])
        for (task, user), work in found.items()
    ]
    return sorted(every, key=lambda part: (part.task.slug, part.user.username))


def works(
    programme: Programme, booked: QuerySet[Reward], tasks: Iterable[Task] | None = None
) -> dict[tuple[int, int], Work]:
    """The same by the keys of task and person, in three queries. `booked`: its lines of the ledger."""
    of: dict[str, Any] = {} if tasks is None else {"task__in": [task.pk for task in tasks]}
    paid = booked.filter(Q(kind=Reward.Kind.MERGE) | Q(reverses__kind=Reward.Kind.MERGE)).order_by()
    sums = paid.values_list("pull__task", "user").annotate(sum=Sum("points"))
    found = {(task, user): (points, True) for task, user, points in sums if points}
    rows = Claim.objects.filter(task__programme=programme, state=Claim.State.ACTIVE, user__is_house=False)
    for key, points in _expected(rows.filter(**of).select_related("task").order_by("id")).items():
        found.setdefault(key, (points, False))
    said: dict[tuple[int, int], dict[int, Assessment]] = defaultdict(dict)
    for row in Assessment.objects.filter(programme=programme, **of).select_related("by").order_by("id"):
        said[row.task_id, row.user_id][row.stage] = row
    return {
        key: Work(points, merged, said[key])
        for key, (points, merged) in found.items()
        if not of or key[0] in of["task__in"]
    }


def _expected(active: Iterable[Claim]) -> dict[tuple[int, int], int]:
    """What active claims would bring, by the keys of task and person: the points split as they are shared."""
    slots: dict[int, list[Claim]] = defaultdict(list)
    for claim in active:
        slots[claim.shared_with_id or claim.pk].append(claim)
    found = {}
    for held in slots.values():
        given = sum(claim.share or 0 for claim in held)
        holder_first = sorted(held, key=lambda claim: claim.shared_with_id is not None)
        shares = {claim.user_id: claim.share or 100 - given for claim in holder_first}
        for user, points in split(held[0].task.points, shares).items():
            found[held[0].task_id, user] = points
    return found


def why_not_assess_any(task: Task, by: User) -> str | None:
    """Why this person says nothing about any work on the task, as a sentence; None if they do."""
    if queries.mentored_in([task], by):
        return None
    return _("Only the mentors of a task and maintainers evaluate the work on it.")


def why_not_assess(part: Part, by: User) -> str | None:
    """Why this person says nothing about that work, as a sentence; None if they do."""
    if (why := why_not_assess_any(part.task, by)) is not None:
        return why
    if by.pk == part.user.pk:
        return _("This is your own work: somebody else evaluates it.")
    return None


def assess(programme: Programme, part: Part, place: int, passed: bool, note: str, by: User) -> Assessment:
    """Say that a stage of somebody's work is passed or not.

    Raises:
        NotAllowed: neither a mentor of the task nor a maintainer, or one's own work.
        BadInput: no such stage; not passed, and no reason given.
        NotNow: the last stage of work that is not merged.
    """
    if (why := why_not_assess(part, by)) is not None:
        raise NotAllowed(why)
    stages = stages_of(programme.payout_stages)
    if not 1 <= place <= len(stages):
        raise BadInput(_("There is no such stage in “%(name)s”.") % {"name": programme.title})
    note = note.replace("\x00", "").strip()[:NOTE_LONGEST]
    if not passed and not note:
        raise BadInput(_("Say why it is not passed: whoever it is about reads the reason."))
    if passed and place == len(stages) and not part.merged:
        raise NotNow(_("The last stage is passed when the work is merged: it is not yet."))
    made = Assessment.objects.create(
        programme=programme, task=part.task, user=part.user, stage=place, passed=passed, note=note,
        by=by, at=clock.now(),
    )  # fmt: skip
    record(by, "programme.assessed", made, task=part.task.slug, user=part.user.username, passed=passed)
    news.assessed(made, stages[place - 1].title)
    return made
