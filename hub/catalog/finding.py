"""Finding tasks: filters with counts, search, order. The one interface is `find`.

Not in charge of cutting words (`fulltext.py`) nor of how a filter is shown (`hub/web/finding.py`).

Theory of operation
A hub has hundreds of tasks, not millions, and people want to see what each further filter would leave. So the
few columns that filters look at are read for all tasks at once, and filtered and counted here: a task that
fails one filter alone still counts for the values of that filter. (JSON columns, such as the languages, are
queried differently by each database; this is the same on both.)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hub.catalog.fulltext import ranked
from hub.catalog.models import Task

REWARDS = (10, 20, 40)  # points: up to each of these, and above the last
ABOVE = "more"
FREE, TAKEN, RETIRED = "free", "taken", "retired"
NOT_RETIRED = frozenset({FREE, TAKEN})  # what is listed unless somebody asks for a state


@dataclass(frozen=True)
class Traits:
    """What filters and orders look at, of one task."""

    key: int
    slug: str
    level: int
    points: int
    created_at: datetime
    values: Mapping[str, tuple[str, ...]]  # facet -> the task's values


FACETS = ("kind", "level", "language", "hardware", "reward", "sig", "mentor", "policy", "state")
COLUMNS = (
    "slug", "level", "points", "created_at", "kind", "languages", "hardware", "sig", "policy", "state",
    "slots",
)  # fmt: skip
Order = Callable[[Traits], tuple[object, ...]]
ORDERS: dict[str, Order] = {
    "level": lambda one: (one.level, one.slug),
    "newest": lambda one: (-one.created_at.timestamp(), one.slug),
    "points": lambda one: (-one.points, one.level, one.slug),
}
BY_RELEVANCE = "relevance"  # the order while something is searched for


@dataclass(frozen=True)
class TaskFilter:
    """What a visitor asked for. Within a facet any of the values will do; of the facets all must fit."""

    text: str = ""
    order: str = ""
    chosen: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, asked: Mapping[str, Sequence[str]]) -> TaskFilter:
        """From the lists of a query string; what is unknown in it is left out."""
        given = {name: frozenset(filter(None, asked.get(name, ()))) for name in FACETS}
        order = next(iter(asked.get("order", ())), "")
        return cls(
            text=next(iter(asked.get("text", ())), "").strip(),
            order=order if order in ORDERS else "",
            chosen={name: values for name, values in given.items() if values},
        )

    def pairs(self) -> list[tuple[str, str]]:
        """The same as names and values of a query string, always in this order."""
        chosen = [(name, value) for name in FACETS for value in sorted(self.chosen.get(name, ()))]
        return [
            *([("text", self.text)] if self.text else []),
            *chosen,
            *([("order", self.order)] if self.order else []),
        ]


@dataclass(frozen=True)
class Facet:
    """One filter with its values and how many tasks each would leave, beside the other filters."""

    name: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Found:
    keys: list[int]  # of the tasks that fit, in order
    facets: tuple[Facet, ...]


def find(wanted: TaskFilter) -> Found:
    """The tasks that fit, with every facet counted; four queries however many there are."""
    traits = _traits()
    place = {key: at for at, key in enumerate(ranked(wanted.text))} if wanted.text else None
    counts: dict[str, Counter[str]] = {
        name: Counter({value: 0 for one in traits for value in one.values[name]}) for name in FACETS
    }
    fit = []
    for one in traits:
        if place is not None and one.key not in place:
            continue
        failed = [name for name in FACETS if not _fits(one, name, wanted)]
        if not failed:
            fit.append(one)
        for name in FACETS:
            if not failed or failed == [name]:
                counts[name].update(one.values[name])
    if place is not None and not wanted.order:
        fit.sort(key=lambda one: place[one.key])
    else:
        fit.sort(key=ORDERS[wanted.order or "level"])
    return Found([one.key for one in fit], tuple(_facet(name, counts[name]) for name in FACETS))


def reward_of(points: int) -> str:
    """The band of points that a task is found under."""
    return next((str(most) for most in REWARDS if points <= most), ABOVE)


def _fits(one: Traits, name: str, wanted: TaskFilter) -> bool:
    chosen = wanted.chosen.get(name, NOT_RETIRED if name == "state" else frozenset())
    return not chosen or not chosen.isdisjoint(one.values[name])


def _facet(name: str, counts: Counter[str]) -> Facet:
    return Facet(name, tuple(sorted(counts.items(), key=lambda pair: _place(name, *pair))))


def _place(name: str, value: str, count: int) -> tuple[object, ...]:
    match name:
        case "level":
            return (int(value),)
        case "reward":
            return (value == ABOVE, int(value) if value != ABOVE else 0)
        case "state":
            return ((FREE, TAKEN, RETIRED).index(value),)
        case "mentor" | "sig":
            return (-count, value)
    return (value,)


def _traits() -> list[Traits]:
    rows = Task.objects.exclude(kind=Task.Kind.EXERCISE).order_by()  # a lesson leads to its exercise
    mentors: dict[int, list[str]] = defaultdict(list)
    for key, username in rows.values_list("pk", "mentors__username"):
        if username is not None:
            mentors[key].append(username)
    # Claims lie in an app above this one and are read through the relation.
    held = Counter(rows.filter(claims__state="active").values_list("pk", flat=True))
    return [
        Traits(
            row["pk"],
            row["slug"],
            row["level"],
            row["points"],
            row["created_at"],
            {
                "kind": (row["kind"],),
                "level": (str(row["level"]),),
                "language": tuple(row["languages"]),
                "hardware": tuple(row["hardware"]),
                "reward": (reward_of(row["points"]),),
                "sig": (row["sig"],),
                "mentor": tuple(mentors[row["pk"]]),
                "policy": (row["policy"],),
                "state": (_state(row["state"], row["policy"], row["slots"] - held[row["pk"]]),),
            },
        )
        for row in rows.values("pk", *COLUMNS)
    ]


def _state(state: str, policy: str, free: int) -> str:
    if state == Task.State.RETIRED:
        return RETIRED
    return FREE if policy == Task.Policy.OPEN or free > 0 else TAKEN
