"""One of everything that an address can name, and everybody who may come by.

alice wrote what most addresses name. Add what a new page's address names to `World.named`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from hub import flow, honours, rejudging
from hub.accounts.actions import create_token
from hub.accounts.models import User
from hub.bench import operating
from hub.catalog import roles
from hub.catalog.actions import save_filter
from hub.catalog.finding import TaskFilter
from hub.catalog.models import Task
from hub.claims.actions import claim, offer
from hub.claims.together import invite
from hub.community import calendars, events, sigs
from hub.community.actions import hide, say
from hub.core import clock
from hub.notify.kinds import Kind
from hub.notify.models import Hook, Notification
from hub.programmes import actions as programmes
from hub.pulls import actions as pulls
from hub.pulls import threads
from hub.web import urls_programmes
from tests import people
from tests.hub.conftest import new_task
from tests.hub.programmes.conftest import new_programme
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import PROPOSAL, reading_course

# The columns of the matrix. "mentor" mentors the task that everything is about, "other mentor" another one;
# "other" has a pull request of their own there, "contributor" nothing. No role has another's rights as well.
ROLES = (
    "stranger",
    "contributor",
    "author",
    "other",
    "mentor",
    "other mentor",
    "maintainer",
    "operator",
)


@dataclass(frozen=True)
class Address:
    """One path of the site as the resolver knows it."""

    view: str  # with its namespace; the route where it has no name
    route: str
    arguments: tuple[str, ...]


@dataclass
class World:
    people: dict[str, User | None]
    named: dict[str, Any]  # by the name of the argument in a path, or "view name argument" for one view alone

    def client(self, role: str, **more: Any) -> Client:
        client = Client(raise_request_exception=False, **more)
        if (user := self.people[role]) is not None:
            client.force_login(user)
        return client

    def address(self, address: Address) -> str:
        """A path for it. Raises LookupError for an argument that nothing here gives a value to."""
        if address.view == address.route:  # without a name: below the administration
            return "/" + re.sub(r"<[^>]+>|\(\?P<.*", "1", address.route)
        given = {}
        for name in address.arguments:
            place = f"{address.view} {name}" if f"{address.view} {name}" in self.named else name
            if place not in self.named:
                raise LookupError(
                    f"{address.view!r} takes {name!r}: name one in `build` of tests/hub/security/world.py"
                )
            given[name] = self.named[place]
        return reverse(address.view, kwargs=given)


def build(story: Story, cast: people.Cast) -> World:
    task = story.task
    task.mentors.add(cast.mei)
    guarded = new_task("layer-norm-gelu", policy="proposal", slots=1)
    single = new_task("row-softmax", policy="exclusive", slots=2)
    story.worker()
    story.merged(cast.alice, cast.mei, cast.max, topic="done")
    story.push(cast.alice, "held")
    story.run(story.live()[0])
    verdict = story.run(story.live()[0], "suspicious")
    appeal = rejudging.appeal(verdict, cast.alice, "The load was low.")
    story.run_all()
    approved = story.push(cast.alice, "open")
    story.run_all()
    pulls.review(approved, cast.mei, "approve", "Good.")
    story.push(cast.bob, "own")
    closed = story.push(cast.alice, "closed").pull
    flow.close(closed, cast.alice)
    oona = User.objects.create_user("oona", password=people.PASSWORD, is_operator=True)
    carol = User.objects.create_user("carol", password=people.PASSWORD)
    offered = claim(single, cast.bob)
    offer(offered, cast.bob, carol.username)
    Task.objects.filter(pk=single.pk).update(together=2)
    single.refresh_from_db()
    single_claim, proposal = claim(single, cast.alice), claim(guarded, cast.alice, PROPOSAL)
    place = {"path": "solutions/alice/solution.c", "side": "new", "line": 1}
    remark, settled = (pulls.comment(approved, cast.mei, "Why so?", **place) for _ in range(2))
    threads.resolve(settled, cast.mei)
    told = Notification.objects.create(
        user=cast.alice,
        kind=Kind.VERDICT,
        what="verdict.passed",
        words={"pull": approved.pull.pk, "task": {}},
        path="/",
        key="told",
        at=clock.now(),
    )
    said, hidden = (say(task, cast.alice, "How wide are the vectors?") for _ in range(2))
    hide(hidden, cast.alice)
    paused = story.worker(name="paused")
    operating.pause(paused, cast.max, "A new disk.")
    token, _clear = create_token(cast.alice, "laptop")
    ming = User.objects.create_user("ming", password=people.PASSWORD, is_mentor=True)
    appointed = roles.appoint(cast.max, "ming", "mentor", single.slug)
    lesson = reading_course().lessons.get(slug="threads")
    named = {
        "slug": task.slug,
        "hardware": HARDWARE,
        "username": "alice",
        "topic": "open",
        "pull_id": approved.pull.pk,
        "web:pull_reopen pull_id": closed.pk,
        "verdict_id": verdict.pk,
        "set_id": appeal.pk,
        "claim_id": single_claim.pk,
        "web:claim_keep claim_id": offered.pk,
        "web:claim_take claim_id": offered.pk,
        "web:claim_join claim_id": invite(single_claim, cast.alice, "oona", "40").pk,
        "web:claim_answer claim_id": proposal.pk,
        "web:claim_withdraw claim_id": proposal.pk,
        "token_id": token.pk,
        "saved_id": save_filter(cast.alice, "vectors", TaskFilter(text="vector")).pk,
        "post_id": said.pk,
        "web:post_show post_id": hidden.pk,
        "lesson": lesson.slug,
        "job_id": verdict.job_id,
        "attempt_id": verdict.job.attempts.get().pk,
        "digest": task.current.digest,
        "worker_id": verdict.job.attempts.get().worker_id,
        "web:worker_resume worker_id": paused.pk,
        "key": "no-such-key",
        "uidb36": "1",
        **_community(cast),
        **_programme(cast),
        "reply_id": 1,
        "role_id": appointed.pk,
        "hook_id": _hook(cast).pk,
        "web:unsubscribe token": "no-such-link",
        "number": honours.certify(cast.alice, f"task:{task.slug}").number,
        "session_id": 1,
        "notification_id": told.pk,
        "comment_id": remark.pk,
        "web:thread_unresolve comment_id": settled.pk,
        "object_id": "1",
        "id": 1,
        "content_type_id": 1,
        "app_label": "accounts",
        **{f"web:{view} slug": lesson.course.slug for view in ("course", "lesson", "lesson_read")},
    }
    everybody = {
        "stranger": None,
        "contributor": carol,
        "author": cast.alice,
        "other": cast.bob,
        "mentor": cast.mei,
        "other mentor": ming,
        "maintainer": cast.max,
        "operator": oona,
    }
    assert tuple(everybody) == ROLES
    return World(everybody, named)


def _community(cast: people.Cast) -> dict[str, Any]:
    """A SIG that mei leads, its event and its announcement."""
    sig = sigs.ensure("kernels")
    sigs.name_leads(sig, cast.max, ["mei"])
    starts = clock.now().replace(tzinfo=None) + timedelta(days=3)
    plan = events.Plan("Softmax evening", "Room 1", starts, starts + timedelta(hours=2), "UTC")
    of_sig = "sig sig_join sig_leave sig_describe sig_leads sig_announce calendar_sig event_plan"
    return {
        "event_id": events.plan(sig, cast.mei, plan).pk,
        "announcement_id": sigs.announce(sig, cast.mei, "Hello", "All.").pk,
        "secret": calendars.secret_of(cast.alice),
        **{f"web:{view} slug": sig.slug for view in of_sig.split()},
    }


def _programme(cast: people.Cast) -> dict[str, Any]:
    """One that takes applications, with an announcement."""
    task = new_task("bf16-matmul")
    dates = {"apply_from": -5, "apply_until": 5, "starts_at": 10, "ends_at": 90, "closes_at": 120}
    rules = {"kind": "summer", "policy": "exclusive", "wishes_most": 2, "payout_stages": "All / 全部: 100"}
    made = new_programme(cast, [task], **rules, **dates)
    views = [path.name for path in urls_programmes.urlpatterns if "<slug:slug>" in str(path.pattern)]
    return {
        "web:announcement_take_back key": programmes.announce(made, cast.max, "Hello", "All.").pk,
        "task": task.slug,
        **{f"web:{view} slug": made.slug for view in views},
    }


def _hook(cast: people.Cast) -> Hook:
    url = "https://example.org/hook"
    return Hook.objects.create(user=cast.alice, url=url, salt="salt", made_by=cast.alice, made_at=clock.now())


def addresses() -> list[Address]:
    """Every path of the site."""
    return list(_below(get_resolver(), "", "", ()))


def _below(resolver: URLResolver, space: str, route: str, arguments: tuple[str, ...]) -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        whole = route + str(pattern.pattern)
        taken = (*arguments, *pattern.pattern.converters)
        taken += tuple(
            name for name in re.findall(r"\(\?P<(\w+)>", str(pattern.pattern)) if name not in taken
        )
        if isinstance(pattern, URLPattern):
            yield Address(f"{space}{pattern.name}" if pattern.name else whole, whole, taken)
        else:
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _below(pattern, inner, whole, taken)
