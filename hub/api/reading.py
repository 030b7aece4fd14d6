"""What programs read over HTTP with a token for `api`: GET alone, JSON, as the token's owner sees it.

    401  no token, or one that is not for this        405  another method than GET
    404  there is no such thing, or not for them      429  too many in a minute: wait as Retry-After says

A refusal is {"error": sentence}. Lists come a page at a time: `next` is the address of the next one, or null.
Not in charge of writing anything: that is what pages and git are for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ObjectDoesNotExist
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import reverse

from hub.accounts.models import Scope, User
from hub.accounts.queries import token_fault, user_by_token
from hub.bench.models import Verdict
from hub.boards.queries import Entry
from hub.boards.stored import Whole
from hub.catalog.models import Programme, Task
from hub.catalog.queries import published_tasks
from hub.claims.queries import LIVE, claims_of
from hub.claims.queries import clock as clock_of
from hub.core.limits import Limit
from hub.programmes import standings
from hub.programmes.queries import programmes
from hub.pulls.standing import counts, last_rulings, stands_as
from hub.pulls.together import others
from hub.rewards.queries import points_of

A_MINUTE = Limit("api", most=120, seconds=60)  # requests of one person
A_PAGE = 100
STANDING_SECONDS = 60  # that a standing is kept for all who ask: it is dear to compute

View = Callable[..., dict[str, Any]]


def reading(view: View) -> Callable[..., JsonResponse]:
    """A view that answers GET with what `view(user, request, …)` returns, for who shows a token for `api`."""

    @functools.wraps(view)
    def answered(request: HttpRequest, **arguments: Any) -> JsonResponse:
        if request.method != "GET":
            return _refusal(405, f"{request.method} is not understood here: use GET", Allow="GET")
        clear = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        user = user_by_token(clear, Scope.API) if clear else None
        if user is None:
            why = token_fault(clear, Scope.API) if clear else "Send “Authorization: Bearer” with a token."
            return _refusal(401, f"{why} Tokens: {_address('web:tokens')}", **{"WWW-Authenticate": "Bearer"})
        if not A_MINUTE.spend(user.pk):
            wait = {"Retry-After": str(A_MINUTE.seconds)}
            return _refusal(429, f"More than {A_MINUTE.most} requests in a minute: wait.", **wait)
        try:
            said = view(user, request, **arguments)
        except (Http404, ObjectDoesNotExist):
            return _refusal(404, "There is no such thing here, or it is not for you.")
        options = {"ensure_ascii": False}
        return JsonResponse(said, json_dumps_params=options, headers={"Cache-Control": "private, no-store"})

    return answered


@reading
def me(user: User, request: HttpRequest) -> dict[str, Any]:
    held = claims_of(user).filter(state__in=LIVE)
    return {
        "username": user.username,
        "name": user.shown_name,
        "points": points_of(user),
        "page": _address("web:person", user.username),
        "claims": [
            {"task": claim.task.slug, "state": claim.state, "lapses_at": _at(clock_of(claim).lapses_at)}
            for claim in held
        ],
    }


@reading
def tasks(user: User, request: HttpRequest) -> dict[str, Any]:
    """Published tasks, easy ones first."""
    rows, following = _page(request, published_tasks().select_related("programme"))
    return {"tasks": [_task(task) for task in rows], "next": following}


@reading
def task(user: User, request: HttpRequest, slug: str) -> dict[str, Any]:
    found = published_tasks().select_related("programme").get(slug=slug)
    boards = {name: _address("api:board", slug, name) for name in Whole(found, "", user).classes}
    return {**_task(found), "summary": {"en": found.summary_en, "zh": found.summary_zh}, "boards": boards}


@reading
def board(user: User, request: HttpRequest, slug: str, hardware: str) -> dict[str, Any]:
    """Entries as this person sees them: while a programme hides them their own alone."""
    found = published_tasks().select_related("programme").get(slug=slug)
    whole = Whole(found, hardware, user)
    if hardware not in whole.classes and not whole.is_hidden:
        raise Http404
    page = Paginator(whole, A_PAGE).get_page(request.GET.get("page"))
    entries = list(page)
    together = others(entry.pull for entry in entries)
    return {
        "task": slug,
        "hardware_class": hardware,
        "hidden": whole.is_hidden,
        "entries": [_entry(entry, together.get(entry.pull.pk, [])) for entry in entries],
        "next": _next(request, page),
    }


@reading
def verdicts(user: User, request: HttpRequest) -> dict[str, Any]:
    """One's own that count, newest first; of what is held no more than that it is."""
    rows = Verdict.objects.filter(counts("job__"), job__patch_set__pull__author=user).order_by("-at", "-pk")
    rows = rows.select_related("job__patch_set__pull__task").defer("log", "cases", "environment", "assembly")
    found, following = _page(request, rows)
    said = last_rulings([row.job.patch_set for row in found])
    told = [_verdict(row, stands_as(row.outcome, said.get(row.pk))) for row in found]
    return {"verdicts": told, "next": following}


@reading
def programme_list(user: User, request: HttpRequest) -> dict[str, Any]:
    return {
        "programmes": [
            {
                "slug": one.slug,
                "title": {"en": one.title_en, "zh": one.title_zh},
                "kind": one.kind,
                "starts_at": _at(one.starts_at),
                "ends_at": _at(one.ends_at),
                "standing": _address("api:standing", one.slug),
            }
            for one in programmes()
        ]
    }


@reading
def standing(user: User, request: HttpRequest, slug: str) -> dict[str, Any]:
    """Of a programme; insiders have no rank. Empty while it is hidden from this person."""
    programme = Programme.objects.get(slug=slug)
    found = _standing(programme, user)
    page = Paginator(found.lines, A_PAGE).get_page(request.GET.get("page"))
    return {
        "programme": slug,
        "frozen": found.frozen,
        "hidden": found.hidden,
        "lines": [
            {
                "rank": row.line.rank,
                "team": row.line.name,
                "people": [person.username for person in row.people],
                "points": row.line.total,
            }
            for row in standings.rows_of(page, [])
        ],
        "next": _next(request, page),
    }


def _standing(programme: Programme, user: User) -> standings.Standing:
    if standings.hides_from(programme, user):
        return standings.HIDDEN
    key = f"api.standing.{programme.pk}"
    found: standings.Standing | None = cache.get(key)
    if found is None:
        found = standings.standing(programme)
        cache.set(key, found, STANDING_SECONDS)
    return found


def _task(task: Task) -> dict[str, Any]:
    return {
        "slug": task.slug,
        "title": {"en": task.title_en, "zh": task.title_zh},
        "kind": task.kind,
        "level": task.level,
        "points": task.points,
        "sig": task.sig,
        "languages": task.languages,
        "hardware": task.hardware,
        "policy": task.policy,
        "programme": task.programme.slug if task.programme else None,
        "revision": task.current.digest if task.current else None,
        "page": _address("web:task", task.slug),
    }


def _entry(entry: Entry, together: list[User]) -> dict[str, Any]:
    return {
        "rank": entry.rank or None,
        "tied": entry.tied,
        "username": entry.user.username,
        "together_with": [user.username for user in together],
        "ratio": entry.ratio,
        "low": entry.low,
        "high": entry.high,
        "confirmed": entry.confirmed,
        "measured_at": _at(entry.at),
        "pull_request": _address("web:pull", entry.pull.pk),
    }


def _verdict(row: Verdict, stands: str | None) -> dict[str, Any]:
    job, patch_set = row.job, row.job.patch_set
    held = stands == "suspicious"
    return {
        "task": patch_set.pull.task.slug,
        "pull_request": _address("web:pull", patch_set.pull_id),
        "patch_set": patch_set.number,
        "commit": patch_set.head_sha,
        "kind": job.kind,
        "hardware_class": job.hardware_class,
        "outcome": stands,
        "reason": None if held else row.reason,
        "ratio": None if held else row.ratio,
        "low": None if held else row.low,
        "high": None if held else row.high,
        "at": _at(row.at),
    }


def _page(request: HttpRequest, rows: QuerySet[Any]) -> tuple[list[Any], str | None]:
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    return list(page), _next(request, page)


def _next(request: HttpRequest, page: Any) -> str | None:
    """The address of the page after this one."""
    return f"{settings.SITE_URL}{request.path}?page={page.next_page_number()}" if page.has_next() else None


def _address(name: str, *arguments: Any) -> str:
    return f"{settings.SITE_URL}{reverse(name, args=arguments)}"


def _at(moment: Any) -> str | None:
    return moment.isoformat() if moment is not None else None


def _refusal(status: int, sentence: str, **headers: str) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=status, headers=headers)
