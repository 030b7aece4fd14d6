"""Boards as pages read them: rows of `Standing`, so that a page costs what it shows and not what was judged.

Not in charge of what stands on a board: `queries.py` computes it from verdicts, and whoever decides something
by it (confirmations, re-judge sets) asks there.

Theory of operation
- `refresh` computes the boards of a revision anew and replaces their rows, under a lock on the revision. The
  story calls it whenever a verdict, a ruling or a re-judge set may have changed something (`hub/flow.py`); a
  job that ended is settled only afterwards, so the sweeper makes up for a refresh that a crash left out.
- The boards of a frozen task hold what was measured by then (`hub/freezing.py`).
- Nothing else writes here, and nothing is lost with these rows: `manage.py rebuild_boards`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, reduce
from operator import or_
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, When, Window
from django.db.models.functions import Rank

from bench_runner.contract import FIGURES, JobKind
from hub.accounts.models import User
from hub.bench.models import Job, Verdict
from hub.boards.history import Moment, history
from hub.boards.models import Standing
from hub.boards.queries import Board, Entry, made_from
from hub.boards.runs import TIMED, as_of, candidates_on
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import open_to_all, published_tasks
from hub.catalog.roles import Reader, hides_from
from hub.core import clock
from hub.core.prepared import prepared
from hub.pulls.together import shared_merged, work_of

NEWEST_OF_EACH = 20  # standings looked through for each board that is to be found
UNREAD = ("log", "cases", "environment", "assembly", "seconds", "reason_args", "figures")  # of a verdict


@transaction.atomic
def refresh(revisions: Collection[int], hardware_class: str = "") -> None:
    """Compute the boards of these revisions anew, on that class or on all."""
    rules = TaskRevision.objects.filter(pk__in=revisions).order_by("pk")
    list(rules.select_for_update(no_key=True).values_list("pk"))
    # Asked for only now: who waited for the lock sees what the one before did to the task.
    tasks = {row.pk: row.task for row in rules.defer("files").select_related("task__programme")}
    until = {revision: task.frozen_since(clock.now()) for revision, task in tasks.items()}
    rows = [
        row
        for (revision, name), found in sorted(candidates_on(tasks.keys(), hardware_class).items())
        for row in _rows(revision, made_from(tasks[revision], name, as_of(found, until[revision])))
    ]
    old = Standing.objects.filter(revision__in=tasks)
    (old.filter(hardware_class=hardware_class) if hardware_class else old).delete()
    Standing.objects.bulk_create(rows, batch_size=500)


def rebuild() -> Iterator[tuple[int, int]]:
    """Refresh every revision that anything was timed by or that has rows; how many rows were different."""
    timed = Job.objects.filter(kind__in=TIMED).order_by().values_list("revision", flat=True).distinct()
    stood = Standing.objects.order_by().values_list("revision", flat=True).distinct()
    for revision in sorted({*timed, *stood}):
        before = _told(revision)
        refresh([revision])
        yield revision, len(before ^ _told(revision))


def _told(revision: int) -> set[tuple[Any, ...]]:
    """What the rows say, without their keys."""
    columns = [field.attname for field in Standing._meta.concrete_fields if not field.primary_key]
    return set(Standing.objects.filter(revision=revision).values_list(*columns))


def may_move(job: Job) -> bool:
    """Whether what came of this job can change a board: it is a timing, or its artefact was timed."""
    verdict = Verdict.objects.filter(job=job).only("artefact_sha256").first()
    if verdict is None or job.kind not in (JobKind.CHECK, *TIMED):
        return False
    timed = Verdict.objects.filter(job__kind__in=TIMED, job__revision=job.revision_id)
    of_it = Q(job__patch_set=job.patch_set_id)
    if verdict.artefact_sha256:
        of_it |= Q(artefact_sha256=verdict.artefact_sha256)
    return job.kind in TIMED or timed.filter(of_it).exists()


def _rows(revision: int, board: Board) -> list[Standing]:
    entries = {entry.verdict.pk: (place, entry) for place, entry in enumerate(board.entries, 1)}
    records = {moment.verdict.pk for moment in history(board) if moment.is_record}
    rows = []
    for candidate in board.standing:
        shown = candidate.shown
        place, entry = entries.get(shown.pk, (None, None))
        rows.append(
            Standing(
                revision_id=revision,
                hardware_class=board.hardware_class,
                author_id=candidate.author_id,
                verdict=shown,
                place=place,
                rank=entry.rank if entry else None,
                tied=entry.tied if entry else False,
                ratio=shown.ratio or 0.0,
                confirmed=candidate.confirmed,
                disputed=candidate.disputed,
                runs=len(candidate.runs),
                **{name: candidate.figures.get(name) for name in FIGURES},
                first_at=candidate.runs[0].at,
                is_record=shown.pk in records,
            )
        )
    return sorted(rows, key=lambda row: (row.place is None, row.place or 0, row.first_at, row.verdict_id))


# Reads


NOBODY = AnonymousUser()
TIME = "time"


def boards_on(
    tasks: Iterable[Task], most: int | None = None, reader: Reader = NOBODY
) -> dict[int, list[Board]]:
    """The boards on which each task's current revision has entries, by the task's key; in one query.

    Each with its first `most` entries, or all; of those that are hidden with the reader's own alone.
    """
    by_revision = {task.current_id: task for task in tasks if task.current_id is not None}
    hidden = {revision for revision, task in by_revision.items() if hides_from(task, reader)}
    rows = _entries().filter(revision__in=by_revision)
    if hidden:
        rows = rows.filter(~Q(revision__in=hidden) | Q(author=reader.pk))
    if most:
        beside = _entries().filter(revision=OuterRef("revision"), hardware_class=OuterRef("hardware_class"))
        number = Subquery(beside.order_by().values("revision").annotate(Count("pk")).values("pk__count"))
        rows = rows.filter(Q(place__lte=most) | Q(revision__in=hidden))
        rows = rows.annotate(of_all=Case(When(place=1, then=number)))  # counted once a board
    listed: dict[tuple[int, str], list[Entry]] = defaultdict(list)
    numbers: dict[tuple[int, str], int] = {}
    for row in _read(rows).order_by("place"):
        entry, key = _entry(row), (row.revision_id, row.hardware_class)
        if row.revision_id in hidden:
            entry = _alone(entry)
        elif most:
            numbers[key] = numbers.get(key) or row.of_all  # type: ignore[attr-defined]  # annotated
        listed[key].append(entry)
    boards: dict[int, list[Board]] = {task.pk: [] for task in by_revision.values()}
    for (revision, name), entries in sorted(listed.items()):
        task, of_all = by_revision[revision], numbers.get((revision, name))
        boards[task.pk].append(Board(task, name, tuple(entries), number_of_all=of_all))
    return boards


def boards_of(task: Task, most: int | None = None, reader: Reader = NOBODY) -> list[Board]:
    return boards_on([task], most, reader).get(task.pk, [])


def classes_before(task: Task, reader: Reader = NOBODY) -> list[str]:
    """Hardware classes on which entries stand by older rules of the task, if this reader sees them."""
    if hides_from(task, reader):
        return []
    rows = Standing.objects.filter(revision__task=task).exclude(revision=task.current_id)
    return sorted(rows.order_by().values_list("hardware_class", flat=True).distinct())


def stands(user: User, task: Task, hardware_class: str) -> bool:
    """Whether this person has an entry on that board, or a share in one."""
    rows = Standing.objects.filter(revision=task.current_id, hardware_class=hardware_class)
    own = Q(author=user.pk)
    if task.together > 1:
        own |= Q(verdict__job__patch_set__pull__in=task.pulls.filter(work_of(user)))
    return rows.filter(own).exists()


class Whole(Sequence[Entry]):
    """The entries of one board, read as far as they are asked for: a page of them is a slice.

    By `metric`: time, or a figure (`contract.FIGURES`), of which the least is first and equal ones share a
    rank; then only entries that it was measured of. Where entries are hidden it holds the reader's own alone,
    without a rank.
    """

    def __init__(self, task: Task, hardware_class: str, reader: Reader = NOBODY, metric: str = TIME) -> None:
        self.task, self.hardware_class, self.metric = task, hardware_class, metric
        self.is_hidden = hides_from(task, reader)
        self._rows = Standing.objects.filter(revision=task.current_id, hardware_class=hardware_class)
        if self.is_hidden:
            self._rows = self._rows.filter(author=reader.pk)
        self._entries = self._rows.filter(place__isnull=False)

    @cached_property
    def classes(self) -> list[str]:
        """On which the task has a board."""
        rows = _entries().filter(revision=self.task.current_id, place=1)
        return sorted(rows.values_list("hardware_class", flat=True))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        measured = {name: Count(name) for name in FIGURES}
        return self._entries.aggregate(
            **{TIME: Count("pk")},
            above=Count("pk", filter=Q(ratio__gte=1)),
            confirmed=Count("pk", filter=Q(confirmed=True, author__is_house=False)),
            **measured,
        )

    @property
    def metrics(self) -> list[str]:
        """By which it can be ranked: of what something was measured."""
        return [TIME, *(name for name in FIGURES if self._numbers[name])]

    @property
    def above(self) -> int:
        """How many entries stand above the baseline's own line."""
        return self._numbers["above"]

    @property
    def confirmed(self) -> int:
        """How many entries of people a second run stands behind."""
        return self._numbers["confirmed"]

    def count(self) -> int:  # type: ignore[override]  # as Django's paginator counts
        return self._numbers[self.metric]

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, places: Any) -> Any:
        """Entries by a slice; the first by 0."""
        if isinstance(places, int):
            return self[places : places + 1][0]
        if self.is_hidden:
            return [_alone(_entry(row)) for row in _read(self._entries)][places]
        if self.metric != TIME:
            return [replace(_entry(row), rank=row.by, tied=row.same > 1) for row in self._by_figure()[places]]
        rows = self._entries.filter(place__gt=places.start or 0)
        rows = rows if places.stop is None else rows.filter(place__lte=places.stop)
        return [_entry(row) for row in _read(rows).order_by("place")]

    def _by_figure(self) -> QuerySet[Any]:
        """The least first, with its rank `by` it and how many have the `same`."""
        by = Window(Rank(), order_by=F(self.metric).asc())
        same = Window(Count("pk"), partition_by=[F(self.metric)])
        rows = self._entries.filter(**{f"{self.metric}__isnull": False}).annotate(by=by, same=same)
        return _read(rows).order_by(self.metric, "place")

    def entry_of(self, username: str) -> Entry | None:
        row = _read(self._entries.filter(author__username=username)).first()
        if row is None:
            return None
        return _alone(_entry(row)) if self.is_hidden else _entry(row)

    def moments(self, most: int) -> list[Moment]:
        """All records and the newest of the others, oldest first."""
        newest = self._rows.order_by("-first_at").values_list("pk", flat=True)[:most]
        rows = _read(self._rows.filter(Q(pk__in=list(newest)) | Q(is_record=True)))
        found = [_moment(row) for row in rows.order_by("first_at", "verdict_id")]
        return [replace(one, is_record=False) for one in found] if self.is_hidden else found


def moved_last(most: int) -> list[Moment | Entry]:
    """Of the boards on which something was timed last the record, or the first entry; newest first.

    The same for everybody: what is hidden from anybody is not among them.
    """
    rows = Standing.objects.filter(revision__task__current=F("revision"))
    rows = rows.filter(
        revision__task__in=published_tasks().filter(open_to_all(clock.now())).order_by().values("pk")
    )
    newest = rows.order_by("-first_at").values_list("revision", "hardware_class")[: most * NEWEST_OF_EACH]
    found = _records(list(dict.fromkeys(newest))[:most])
    return sorted(found, key=lambda one: one.at, reverse=True)


def places_of(user: User, most: int) -> list[tuple[Board, Entry]]:
    """Where somebody stands on boards of published tasks, the newest first; in three queries.

    Entries of work that was merged and shared with them count. The same for everybody, as `moved_last`.
    """
    theirs = Q(author=user)
    if shared := shared_merged(user):
        theirs |= Q(verdict__job__patch_set__pull__in=shared)
    rows = _entries().filter(theirs, revision__task__current=F("revision"))
    rows = rows.filter(revision__task__state=Task.State.PUBLISHED)
    rows = rows.exclude(revision__task__kind=Task.Kind.EXERCISE)
    rows = rows.filter(
        revision__task__in=Task.objects.filter(open_to_all(clock.now())).order_by().values("pk")
    )
    own = list(
        _read(rows).select_related("revision__task").defer("revision__files").order_by("-first_at")[:most]
    )
    numbers = _numbers(_entries().filter(revision__in={row.revision_id for row in own}))
    return [
        (
            Board(
                row.revision.task,
                row.hardware_class,
                (),
                number_of_all=numbers[row.revision_id, row.hardware_class],
            ),
            _entry(row),
        )
        for row in own
    ]


def best_of(revision: int, hardware_class: str) -> Entry | None:
    """The first entry of the board by these rules, whoever asks."""
    return next((_entry(row) for row in _first(revision, hardware_class)), None)


@prepared
def _first(revision: int, hardware_class: str) -> QuerySet[Standing]:
    return _read(_entries().filter(revision__pk=revision, hardware_class=hardware_class, place=1))


def _records(boards: Collection[tuple[int, str]]) -> list[Moment | Entry]:
    """Of each board the record as it stands, or the first entry where nothing is one; in one query."""
    those = [Q(revision=revision, hardware_class=name) for revision, name in boards]
    rows = _read(Standing.objects.filter(reduce(or_, those, Q(pk__in=[]))))
    rows = rows.filter(Q(is_record=True) | Q(place=1)).order_by("is_record", "first_at")
    last = {(row.revision_id, row.hardware_class): row for row in rows}  # records come after first entries
    return [_moment(row) if row.is_record else _entry(row) for row in last.values()]


def _entries() -> QuerySet[Standing]:
    return Standing.objects.filter(place__isnull=False)


def _numbers(rows: QuerySet[Standing]) -> dict[tuple[int, str], int]:
    counted = rows.order_by().values_list("revision", "hardware_class").annotate(Count("pk"))
    return {(revision, name): number for revision, name, number in counted}


def _read(rows: QuerySet[Standing]) -> QuerySet[Standing]:
    """With what a line of a board shows, in the same query."""
    whole: Sequence[str] = [f"verdict__{name}" for name in UNREAD]
    return rows.select_related("author", "verdict__job__patch_set__pull__task").defer(*whole)


def _entry(row: Standing) -> Entry:
    verdict = row.verdict
    return Entry(
        rank=row.rank or 0,
        tied=row.tied,
        user=row.author,
        pull=verdict.job.patch_set.pull,
        verdict=verdict,
        ratio=row.ratio,
        low=verdict.low or 0.0,
        high=verdict.high or 0.0,
        speed=verdict.speed,
        confirmed=row.confirmed,
        disputed=row.disputed,
        runs=row.runs,
        at=verdict.at,
        figures={name: value for name in FIGURES if (value := getattr(row, name)) is not None},
    )


def _alone(entry: Entry) -> Entry:
    """As its author sees it while others are hidden: where it stands among them is not told."""
    return replace(entry, rank=0, tied=False)


def _moment(row: Standing) -> Moment:
    verdict = row.verdict
    return Moment(
        at=row.first_at,
        user=row.author,
        pull=verdict.job.patch_set.pull,
        verdict=verdict,
        ratio=row.ratio,
        low=verdict.low or 0.0,
        high=verdict.high or 0.0,
        confirmed=row.confirmed,
        is_record=row.is_record,
    )
