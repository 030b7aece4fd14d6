"""The list of tasks: search, filters with counts, order, and cards that say enough to choose by.

Not in charge of what fits (`hub/catalog/finding.py`). Everything asked for stands in the address, so that a
search can be kept or sent to somebody. A change of the form by htmx gets the results and the counts alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from hub.accounts.models import User
from hub.catalog.actions import forget_filter, save_filter
from hub.catalog.finding import ABOVE, BY_RELEVANCE, ORDERS, REWARDS, Facet, Found, TaskFilter, find
from hub.catalog.models import Programme, Task
from hub.catalog.queries import tasks_of
from hub.claims import queries as claims
from hub.community import queries as community
from hub.pulls.queries import merged_counts
from hub.web import kept
from hub.web.acting import act, member_post
from hub.web.preferences import safe_next
from hub.web.words import HARDWARE, PROGRAMMING_LANGUAGES

TASKS_A_PAGE = 24
TITLES_SECONDS = 60  # that the titles of the SIGs are kept for
CHOICES_MOST = 24  # of a filter; of mentors and interest groups those with most tasks
LEVELS = {
    "1": _("1 · first steps"),
    "2": _("2 · easy"),
    "3": _("3 · medium"),
    "4": _("4 · hard"),
    "5": _("5 · expert"),
}
STATES = {"free": _("free to take"), "taken": _("all slots taken"), "retired": _("retired")}
BANDS = {
    str(most): f"{above + 1}–{most}" for above, most in zip((0, *REWARDS[:-1]), REWARDS, strict=True)
} | {ABOVE: f"> {REWARDS[-1]}"}
TITLES: dict[str, tuple[str | Promise, dict[str, Any]]] = {
    "state": (_("State"), STATES),
    "kind": (_("Kind"), dict(Task.Kind.choices)),
    "level": (_("Level"), LEVELS),
    "language": (_("Language"), PROGRAMMING_LANGUAGES),
    "hardware": (_("Hardware"), HARDWARE),
    "reward": (_("Points"), BANDS),
    "sig": (_("Interest group"), {}),
    "programme": (_("Programme"), {}),
    "mentor": (_("Mentor"), {}),
    "policy": (_("Claiming"), dict(Task.Policy.choices)),
}
ORDER_WORDS: dict[str, str | Promise] = {
    BY_RELEVANCE: pgettext_lazy("order of tasks", "best match"),
    "level": pgettext_lazy("order of tasks", "easiest first"),
    "newest": pgettext_lazy("order of tasks", "newest first"),
    "points": pgettext_lazy("order of tasks", "most points"),
}


@dataclass(frozen=True)
class Choice:
    """One value of a filter, as the form shows it."""

    name: str
    value: str
    label: Any
    count: int
    chosen: bool
    without: str  # the address of the same search without it


@dataclass(frozen=True)
class Shown:
    name: str
    title: Any
    choices: list[Choice]

    @property
    def chosen(self) -> list[Choice]:
        return [choice for choice in self.choices if choice.chosen]


@dataclass(frozen=True)
class Card:
    task: Task
    working: int
    merged: int
    mine: bool
    sig: str  # its title

    @property
    def free(self) -> int:
        return max(0, self.task.slots - self.working)


@require_safe
def task_list(request: HttpRequest) -> HttpResponse:
    """All published tasks, or those that fit."""
    wanted, user = TaskFilter.read(dict(request.GET.lists())), request.user
    found = quickly_found(wanted)
    page = Paginator(found.keys, TASKS_A_PAGE).get_page(request.GET.get("page"))
    mine = _live_claims(user) & frozenset(page)
    if request.htmx:
        shown = {**_list(wanted, found, page, mine), "part": True}
        answer = render(request, "tasks/_results.html", shown)
        answer.headers["HX-Push-Url"] = address(wanted.pairs())
        return answer
    known = user.is_authenticated
    rights = {"is_authenticated": known, "is_maintainer": known and user.is_maintainer}
    saved = list(user.saved_filters.all()) if known else []
    own = {"saved": saved, "pairs": urlencode(wanted.pairs())}
    return kept.page(
        request,
        "tasks/list.html",
        lambda: {**_list(wanted, found, page, mine), "user": rights},
        *rights.values(),
        mine,
        tuple(page),
        saved=lambda: render_to_string("tasks/_saved.html", own) if saved else "",
        forms=lambda: render_to_string("tasks/_forms.html", own, request) if known else "",
    )


def _list(wanted: TaskFilter, found: Found, page: Any, mine: frozenset[int]) -> dict[str, Any]:
    """What the list shows, `mine` being the tasks on it that the reader has claimed."""
    facets = shown_facets(wanted, found)
    pairs = urlencode(wanted.pairs())
    return {
        "wanted": wanted,
        "facets": facets,
        "chosen": [choice for facet in facets for choice in facet.chosen],
        "without_text": address([pair for pair in wanted.pairs() if pair[0] != "text"]),
        "page": page,
        "cards": cards(page, mine),
        "query": f"{pairs}&" if pairs else "",
        "filtered": bool(wanted.text or wanted.chosen),
        "orders": orders(wanted),
        "pairs": pairs,
    }


def quickly_found(wanted: TaskFilter) -> Found:
    """What `find` finds, some seconds old: it reads and counts all tasks, the same for everybody."""
    return kept.KEPT.get(("tasks found", *wanted.pairs()), lambda: find(wanted))


@member_post
def save(request: HttpRequest) -> HttpResponse:
    """Keep the search in `query` under `name`."""
    wanted = TaskFilter.read(dict(QueryDict(request.POST.get("query", "")).lists()))
    return act(
        request,
        lambda: save_filter(request.user, request.POST.get("name", ""), wanted),
        done=gettext("The search is kept."),
        back=address(wanted.pairs()),
    )


@member_post
def forget(request: HttpRequest, saved_id: int) -> HttpResponse:
    back = safe_next(request, request.POST.get("next"), reverse("web:tasks"))
    return act(
        request,
        lambda: forget_filter(request.user, saved_id),
        done=gettext("The search is deleted."),
        back=back,
    )


def shown_facets(wanted: TaskFilter, found: Found) -> list[Shown]:
    """Every filter that divides what there is, in the order of TITLES."""
    by_name = {facet.name: facet for facet in found.facets}
    names = {
        "mentor": _names_of_people(value for value, _count in by_name["mentor"].values),
        "programme": {one.slug: one.title for one in Programme.objects.all()},
        "sig": sig_titles(),
    }
    shown = (_shown(by_name[name], wanted, names.get(name, {})) for name in TITLES)
    # One programme divides the tasks too: most belong to none.
    return [facet for facet in shown if len(facet.choices) > (facet.name != "programme") or facet.chosen]


def _shown(facet: Facet, wanted: TaskFilter, names: dict[str, str]) -> Shown:
    title, labels = TITLES[facet.name]
    chosen = wanted.chosen.get(facet.name, frozenset())
    values = [pair for at, pair in enumerate(facet.values) if at < CHOICES_MOST or pair[0] in chosen]
    known = [value for value, _count in values]
    counted = [*values, *((value, 0) for value in sorted(chosen - set(known)))]
    choices = [
        Choice(
            facet.name,
            value,
            {**labels, **names}.get(value, value),
            count,
            value in chosen,
            address([pair for pair in wanted.pairs() if pair != (facet.name, value)]),
        )
        for value, count in counted
    ]
    return Shown(facet.name, title, choices)


def _names_of_people(usernames: Iterable[str]) -> dict[str, str]:
    people = User.objects.filter(username__in=list(usernames)).only("username", "display_name")
    return {person.username: person.shown_name for person in people}


def cards(keys: Iterable[int], mine: Collection[int] = ()) -> list[Card]:
    tasks = tasks_of(list(keys))
    working, merged = claims.working_counts(tasks), merged_counts(tasks)
    sigs = sig_titles()
    return [
        Card(task, working[task.pk], merged[task.pk], task.pk in mine, sigs.get(task.sig, task.sig))
        for task in tasks
    ]


def sig_titles() -> dict[str, str]:
    """By slug, in the reader's language."""
    found = kept.KEPT.get("titles of SIGs", community.titles, fresh=TITLES_SECONDS)
    return {slug: sig.title for slug, sig in found.items()}


def _live_claims(user: User | AnonymousUser) -> frozenset[int]:
    if not user.is_authenticated:
        return frozenset()
    return frozenset(claim.task_id for claim in claims.live_claims(user.pk))


def orders(wanted: TaskFilter) -> list[tuple[str, Any, bool]]:
    """Value, words, and whether it is the one in use; the first stands for none given."""
    first = BY_RELEVANCE if wanted.text else "level"
    rest = [name for name in ORDERS if name != first]
    return [
        ("" if name == first else name, ORDER_WORDS[name], (wanted.order or first) == name)
        for name in (first, *rest)
    ]


def address(pairs: list[tuple[str, str]]) -> str:
    path = reverse("web:tasks")
    return f"{path}?{urlencode(pairs)}" if pairs else path
