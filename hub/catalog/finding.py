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
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

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
    values: Mapping[str, Sequence[str]]  # facet -> the task's values


FACETS = ("kind", "level", "language", "hardware", "reward", "sig", "programme", "mentor", "policy", "state")
COLUMNS = (
    "pk", "slug", "level", "points", "kind", "languages", "hardware", "sig", "policy", "state", "slots",
    "programme__slug",
)  # fmt: skip
Order = Callable[[Traits], tuple[object, ...]]
ORDERS: dict[str, Order] = {
    "level": lambda one: (one.level, one.slug),
    "newest": lambda one: (-one.key,),
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
    every = {name: dict.fromkeys(_values(traits, name), 0) for name in FACETS}
    place = {key: at for at, key in enumerate(ranked(wanted.text))} if wanted.text else None
    fit, almost = _divided(traits, wanted, place)
    counts = {name: every[name] | Counter(_values([*fit, *almost[name]], name)) for name in FACETS}
    if place is not None and not wanted.order:
        fit.sort(key=lambda one: place[one.key])
    else:
        fit.sort(key=ORDERS[wanted.order or "level"])
    return Found([one.key for one in fit], tuple(_facet(name, counts[name]) for name in FACETS))


def _divided(
    traits: list[Traits], wanted: TaskFilter, found: Container[int] | None
) -> tuple[list[Traits], dict[str, list[Traits]]]:
    """Tasks that fit, and those that one facet alone keeps from it, by that facet."""
    asked = {"state": NOT_RETIRED, **wanted.chosen}
    fit: list[Traits] = []
    almost: dict[str, list[Traits]] = {name: [] for name in FACETS}
    for one in traits:
        if found is not None and one.key not in found:
            continue
        failed = [name for name, chosen in asked.items() if chosen.isdisjoint(one.values[name])]
        if not failed:
            fit.append(one)
        elif len(failed) == 1:
            almost[failed[0]].append(one)
    return fit, almost


def _values(traits: Iterable[Traits], name: str) -> Iterable[str]:
    return chain.from_iterable(one.values[name] for one in traits)


def reward_of(points: int) -> str:
    """The band of points that a task is found under."""
    return next((str(most) for most in REWARDS if points <= most), ABOVE)


def _facet(name: str, counts: Mapping[str, int]) -> Facet:
    return Facet(name, tuple(sorted(counts.items(), key=lambda pair: _place(name, *pair))))


def _place(name: str, value: str, count: int) -> tuple[object, ...]:
    match name:
        case "level":
            return (int(value),)
        case "reward":
            return (value == ABOVE, int(value) if value != ABOVE else 0)
        case "state":
            return ((FREE, TAKEN, RETIRED).index(value),)
        case "mentor" | "sig" | "programme":
            return (-count, value)
    return (value,)


def _traits() -> list[Traits]:
    rows = Task.objects.exclude(kind=Task.Kind.EXERCISE).order_by()  # a lesson leads to its exercise
    mentors: dict[int, list[str]] = defaultdict(list)
    for key, username in rows.values_list("pk", "mentors__username"):
        if username is not None:
            mentors[key].append(username)
    # Claims lie in an app above this one and are read through the relation.
    held = Counter(rows.filter(claims__state="active", claims__shared_with=None).values_list("pk", flat=True))
    found = rows.values_list(*COLUMNS)
    return [
        Traits(
            key,
            slug,
            level,
            points,
            {
                "kind": (kind,),
                "level": (str(level),),
                "language": languages,
                "hardware": hardware,
                "reward": (reward_of(points),),
                "sig": (sig,),
                "programme": (programme,) if programme else (),
                "mentor": mentors.get(key, ()),
                "policy": (policy,),
                "state": (_state(state, policy, slots - held[key]),),
            },
        )
        for key, slug, level, points, kind, languages, hardware, sig, policy, state, slots, programme in found
    ]


def _state(state: str, policy: str, free: int) -> str:
    if state == Task.State.RETIRED:
        return RETIRED
    return FREE if policy == Task.Policy.OPEN or free > 0 else TAKEN
