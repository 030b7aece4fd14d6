"""What the journeys begin with, made inside the hub's own process: people, pull requests, a programme, a SIG.

Theory of operation
- `WholeHub.manage("shell")` calls `stage()`, which prints the facts that the tests need as one line of JSON.
- Verdicts are those of `tests/hub/story.py`'s worker, which says what it is told: nobody waits for a judge.
- Each language has people and pull requests of its own, so that no test depends on another or on the order.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from bench_runner.contract import CaseResult
from hub import flow, rejudging
from hub.accounts.models import User
from hub.catalog.models import Programme, Task
from hub.claims.actions import answer, claim
from hub.community import events, sigs
from hub.core import clock
from hub.programmes import actions as programmes
from hub.pulls.models import PatchSet
from tests.hub.rulings.programs import MINE, THEIRS, in_another_coat
from tests.hub.story import HARDWARE, Story, attempt_id

LANGUAGES = ("en", "zh")
ROLES: dict[str, dict[str, bool]] = {
    "newcomer": {},
    "author": {},
    "rival": {},
    "applicant": {},
    "mentor": {"is_mentor": True},
    "maintainer": {"is_maintainer": True},
    "operator": {"is_operator": True},
}
PASSWORD = "granite-and-green-tea"  # of people in a test's database
TASK, ASKED, WISHED = "vector-add", "layer-norm-gelu", ("row-softmax", "bf16-matmul")
PAID = "paid"
PROPOSAL = "First the plain loops, then blocks that fit the cache, then the vector units, measured each time."
WRONG = {"case": "one", "tensor": "c", "index": [0], "expected": 2.5, "got": 3.5, "wrong": 1, "elements": 1}
WRONG_CASE = CaseResult("one", False)
CODE = b"int a;\nint b;\nint c;\n"


def stage() -> None:
    """Everything for each language; the facts go to the output."""
    Task.objects.filter(slug=ASKED).update(policy="proposal", slots=8)
    facts = {language: _town(language) for language in LANGUAGES}
    _paid_by_stages()
    print("facts", json.dumps(facts))


def _paid_by_stages() -> None:
    """One programme with the task that the rivals of both languages hold claims on."""
    now = clock.now()
    paid = Programme(
        slug=PAID, kind="internship", title_en="Paid", title_zh="实习", time_zone="Asia/Shanghai",
        starts_at=now - timedelta(days=9), ends_at=now + timedelta(days=90), checks_a_day=20, ranks_a_day=5,
        point_value=50, currency="CNY", payout_stages="Mid-term / 中期考核: 45\nFinal / 结项考核: 55",
    )  # fmt: skip
    task = Task.objects.get(slug=ASKED)
    programmes.save(paid, [task], User.objects.filter(is_maintainer=True)[0])


def _town(language: str) -> dict[str, Any]:
    people = {role: _person(f"{role}-{language}", rights) for role, rights in ROLES.items()}
    story = Story(Task.objects.get(slug=TASK))
    story.task.mentors.add(people["mentor"])
    Task.objects.get(slug=ASKED).mentors.add(people["mentor"])
    return {
        "sessions": {role: _session(user) for role, user in people.items()},
        **_pulls(story, people),
        **_claims(people),
        **_gatherings(people, language),
    }


def _person(username: str, rights: dict[str, bool]) -> User:
    return User.objects.create_user(username, password=PASSWORD, **rights)


def _session(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "hub.accounts.backend.OpenAccounts"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def _pulls(story: Story, people: dict[str, User]) -> dict[str, Any]:
    author, rival, mentor = people["author"], people["rival"], people["mentor"]
    merged = story.merged(author, mentor, people["maintainer"], topic="merged").patch_set.pull
    waiting = {topic: _checked(story, author, topic).pull.pk for topic in ("talked", "taken", "keys")}
    failing = story.push(author, "failing")
    story.run(
        story.live(patch_set=failing)[0],
        "wrong_answer",
        reason="wrong_value",
        cases=[CaseResult("one", False)],
    )
    troubled = story.push(author, "troubled")
    while jobs := story.live(patch_set=troubled):
        spec = story.claim(jobs[0])
        flow.attempt_failed(attempt_id(spec), spec.token, "no cgroup")
    appealed, rejudged = (_held(story, rival, topic) for topic in ("appealed", "rejudged"))
    copied = _copied(story, author, rival)
    again = rejudging.appeal(rejudged, rival, "The machine was idle, and three runs of mine agree.")
    story.run_all()
    return {
        "merged": merged.pk,
        **waiting,
        "failing": failing.pull.pk,
        "troubled": troubled.pull.pk,
        "appealed": appealed.job.patch_set.pull_id,
        "appealed_verdict": appealed.pk,
        "copied": copied.job.patch_set.pull_id,
        "copied_verdict": copied.pk,
        "rejudge": again.pk,
        "hardware": HARDWARE,
        "worker": story.workers[HARDWARE].pk,
    }


def _checked(story: Story, who: User, topic: str) -> PatchSet:
    made = story.push(who, topic, files={"solution.c": CODE + topic.encode()}, subject=f"Try {topic}")
    story.run_all()
    return made


def _held(story: Story, who: User, topic: str) -> Any:
    """A timing that is too good: the verdict that is held for review."""
    made = story.push(who, topic, files={"solution.c": b"// " + topic.encode()})
    story.run(story.live(patch_set=made)[0])
    said = {"case": "wide", "seconds": 1e-6, "floor": 4e-6}
    verdict = story.run(
        story.live(patch_set=made)[0],
        "suspicious",
        reason="faster_than_possible",
        reason_args=said,
        cases=[CaseResult("wide", True)],
    )
    story.run_all()
    return verdict


def _copied(story: Story, early: User, late: User) -> Any:
    """The author's work once more, in the rival's words: the verdict that the hub holds back."""
    work = MINE if early.username.endswith(LANGUAGES[0]) else THEIRS
    story.push(early, "own", files={"solution.c": work})
    story.run(story.live()[0], artefact_sha256=hashlib.sha256(work).hexdigest())
    story.run_all()
    story.push(late, "coat", files={"solution.c": in_another_coat(work)})
    return story.run(story.live()[0], artefact_sha256=hashlib.sha256(late.username.encode()).hexdigest())


def _claims(people: dict[str, User]) -> dict[str, Any]:
    """The rival holds a claim; the newcomer will ask for one."""
    task = Task.objects.get(slug=ASKED)
    asked = claim(task, people["rival"], PROPOSAL)
    return {"held": answer(asked, people["mentor"], accept=True, text="Go on.").pk}


def _gatherings(people: dict[str, User], language: str) -> dict[str, Any]:
    now = clock.now()
    summer = Programme(
        slug=f"summer-{language}", kind="summer", title_en="Summer", title_zh="夏季", policy="exclusive",
        time_zone="Asia/Shanghai", apply_from=now - timedelta(days=5), apply_until=now + timedelta(days=5),
        starts_at=now + timedelta(days=10), ends_at=now + timedelta(days=90), wishes_most=1,
        closes_at=now + timedelta(days=120), checks_a_day=20, ranks_a_day=5,
    )  # fmt: skip
    wished = Task.objects.get(slug=WISHED[LANGUAGES.index(language)])
    programmes.save(summer, [wished], people["maintainer"])
    sprint = Programme(
        slug=f"teams-{language}", kind="contest", title_en="Teams", title_zh="组队", policy="open",
        time_zone="Asia/Shanghai", starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=9),
        closes_at=now + timedelta(days=10), team_most=2, checks_a_day=20, ranks_a_day=5,
    )  # fmt: skip
    programmes.save(sprint, [], people["maintainer"])
    sig = sigs.ensure(f"sig-{language}")
    sigs.name_leads(sig, people["maintainer"], [people["mentor"].username])
    starts = now.replace(tzinfo=None) + timedelta(days=3)
    plan = events.Plan("Softmax evening", "Room 1", starts, starts + timedelta(hours=2), "UTC", "", 1)
    return {
        "programme": summer.slug,
        "contest": sprint.slug,
        "wished": wished.slug,
        "sig": sig.slug,
        "event": events.plan(sig, people["mentor"], plan).pk,
    }
