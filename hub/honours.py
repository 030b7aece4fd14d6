"""Points, badges and certificates: what people did, counted across apps, and what they get for it.

Not in charge of the rules (`hub/rewards/badges.toml`) nor of signing (`hub/rewards/signing.py`).

Theory of operation
- A fact is a number of a person, counted from rows by a query for as many people as are asked about. Work
  counts for its author and, by a query more, for who was paid a share of it: they held the claim together.
- `award` is a line in `flow.py` where something happened, for those whom it concerns. `award_everybody` is
  the sweeper's: once for each state of the rules, so that a new rule reaches old facts, and once a day, so
  that whatever was missed is found. The key (person, badge) lets each badge be awarded once.
- Nobody loses a badge when a rule changes or a fact shrinks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Max, QuerySet, Sum
from django.utils.translation import gettext as _

from bench_runner.contract import JobKind, Outcome
from hub.accounts.models import User
from hub.bench.models import Job, Verdict
from hub.catalog.models import Task
from hub.community.models import Post
from hub.core import clock
from hub.core.errors import NotNow
from hub.core.prepared import prepared
from hub.learning.models import Course
from hub.learning.queries import standing
from hub.notify.actions import News, tell
from hub.pulls.models import PullRequest, Review
from hub.pulls.standing import HOLD, UPHOLD, counts
from hub.pulls.together import of, shared_merged
from hub.rewards import certificates
from hub.rewards.actions import book, note_evaluation
from hub.rewards.models import Award, Certificate, Evaluation, Reward
from hub.rewards.queries import split
from hub.rewards.rules import Words, rules

AT_LEAST_EVERY = timedelta(days=1)
BATCH = 500
REVIEW_POINTS = 5


@dataclass(frozen=True)
class Source:
    """Rows `where` that holds, each of the person at `person`; `value`: a column of them or an aggregate."""

    rows: Callable[[], QuerySet[Any]]
    person: str
    value: Any
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fact:
    """One number of each person, made of the distinct values of its sources: how many, if nothing else."""

    sources: tuple[Source, ...]
    number: Callable[[set[Any]], float] = len


def _work(rows: Callable[[], QuerySet[Any]], value: Any, pull: str = "") -> Fact:
    """How many values there are in rows about work of a person: theirs by authorship or by a paid share.

    `pull`: the path to the pull request.
    """
    return Fact((Source(rows, f"{pull}author", value), _paid(rows, f"{pull}rewards__user", value, pull)))


def _paid(rows: Callable[[], QuerySet[Any]], person: str, value: Any, pull: str) -> Source:
    """The rows once for each who was paid for the pull request when it was merged."""
    return Source(rows, person, value, {f"{pull}rewards__kind": Reward.Kind.MERGE})


def _merged() -> QuerySet[PullRequest]:
    merged = PullRequest.objects.filter(state=PullRequest.State.MERGED)
    return merged.exclude(task__kind=Task.Kind.EXERCISE)


def _reviews() -> QuerySet[Review]:
    return Review.objects.exclude(kind=Review.Kind.COMMENT)


def _passed() -> QuerySet[Verdict]:
    """Verdicts that count as passed; one that was ever held is left out, which a badge can do without."""
    passed = Verdict.objects.filter(counts("job__"), outcome=Outcome.PASSED, ranked=True)
    held = Verdict.objects.filter(rulings__kind__in=(HOLD, UPHOLD))
    return passed.exclude(pk__in=held.values("pk"))


def _confirmed() -> QuerySet[Verdict]:
    return _passed().filter(job__kind=JobKind.CONFIRM)


def _answers() -> QuerySet[Post]:
    said = Post.objects.filter(hidden_at=None, thread__isnull=False)
    return said.exclude(thread__author=F("author"))


SAID_OF, JUDGED = "patch_set__pull__", "job__patch_set__pull__"
FACTS: Mapping[str, Fact] = {
    "merged": _work(_merged, F("task")),
    "sigs": _work(_merged, F("task__sig")),
    "right_at_once": _work(
        lambda: _merged().filter(
            patch_sets__number=1,
            patch_sets__jobs__kind=JobKind.CHECK,
            patch_sets__jobs__verdict__outcome=Outcome.PASSED,
        ),
        F("pk"),
    ),
    "reviews": Fact((Source(_reviews, "reviewer", F("patch_set__pull")),)),
    "mentored": Fact(
        (
            Source(_reviews, "reviewer", F(f"{SAID_OF}author")),
            _paid(_reviews, "reviewer", F(f"{SAID_OF}rewards__user"), SAID_OF),
        )
    ),
    "speed_up": replace(_work(_confirmed, Max("low"), JUDGED), number=max),
    "reproduced": _work(_confirmed, F("job__patch_set__pull"), JUDGED),
    "hardware": _work(
        lambda: _passed().filter(job__kind__in=(JobKind.RANK, JobKind.CONFIRM)),
        F("job__hardware_class"),
        JUDGED,
    ),
    "lessons": Fact(
        (Source(lambda: Reward.objects.filter(kind=Reward.Kind.LESSON), "user", Count("pk")),), max
    ),
    "points": Fact((Source(lambda: Reward.objects.all(), "user", Sum("points")),), max),
    "answers": Fact((Source(_answers, "author", Count("pk")),), max),
}


def measured(name: str, people: Collection[int] | None = None) -> dict[int, float]:
    """A fact of these people, or of everybody, by person; who has none is not in it."""
    fact = FACTS[name]
    found = defaultdict[int, set[Any]](set)
    for source in fact.sources:
        theirs = {} if people is None else {f"{source.person}__in": people}
        rows = source.rows().filter(**source.where, **theirs).order_by()  # one call: one join of the ledger
        for person, value in rows.values_list(source.person).annotate(of=source.value).distinct():
            if value is not None:
                found[person].add(value)
    return {person: fact.number(values) for person, values in found.items()}


def pay_for(pull: PullRequest, shares: Mapping[User, int]) -> None:
    """Points and badges of merged work, for whose it is and for everybody who reviewed it.

    `shares`: who has how many percent of the task's points. A key makes each payment happen once. A task pays
    its points to a person once, however often they improve on it.
    """
    task = pull.task
    for user, points in split(task.points, shares).items():
        book(user, Reward.Kind.MERGE, points, pull, f"merge:{task.slug}:{user.username}")
    said = _reviews().filter(patch_set__pull=pull)
    reviewers = User.objects.filter(pk__in=said.values("reviewer")).exclude(pk__in=[one.pk for one in shares])
    for reviewer in reviewers:
        book(reviewer, Reward.Kind.REVIEW, REVIEW_POINTS, pull, f"review:{pull.pk}:{reviewer.username}")
    award(*shares, *reviewers)


def merged_work(user: User) -> list[PullRequest]:
    """Merged pull requests of tasks that are theirs: as the author, or by a share of the points."""
    return _merged_work(user.pk, shared_merged(user) or [0])


@prepared
def _merged_work(author: int, shared: list[int]) -> QuerySet[PullRequest]:
    rows = _merged().filter(of(author, shared)).select_related("task")
    told = ("slug", "kind", "level", "points", "title_en", "title_zh")
    return rows.only("author", "ended_at", *(f"task__{name}" for name in told))


def timed(job: Job) -> None:
    """Badges for a timing that was confirmed."""
    if job.kind == JobKind.CONFIRM:
        award(job.patch_set.pull.author)


def award(*people: User) -> int:
    """Give these people what the rules say is theirs and they do not have; how many badges."""
    return _award({person.pk for person in people if not person.is_house})


def award_everybody(*, at: datetime | None = None) -> int:
    """The same for all, if the rules have changed or a day has passed since it was last done.

    `at`: do it in any case, as of that moment.
    """
    done = Evaluation.objects.filter(rules=rules().digest, at__gt=clock.now() - AT_LEAST_EVERY)
    if at is None and done.exists():
        return 0
    awarded = _award(None, at)
    note_evaluation(rules().digest, awarded)
    return awarded


def _award(people: set[int] | None, at: datetime | None = None) -> int:
    held = defaultdict[int, set[str]](set)
    rows = Award.objects.all() if people is None else Award.objects.filter(user__in=people)
    for user, badge in rows.order_by().values_list("user", "badge"):
        held[user].add(badge)
    facts = _facts(people, held)
    new = [
        Award(user_id=user, badge=badge.id, at=at or clock.now())
        for user, own in sorted(facts.items())
        for badge in rules().badges.values()
        if badge.id not in held[user] and badge.is_met(own)
    ]
    Award.objects.bulk_create(new, BATCH, ignore_conflicts=True)  # award_once: somebody else was first
    if at is None:  # what is dated back is no news
        _tell(new)
    return len(new)


def _tell(awards: Iterable[Award]) -> None:
    """Whoever got a badge hears of it."""
    people = defaultdict[str, list[int]](list)
    for award in awards:
        people[award.badge].append(award.user_id)
    for name, keys in people.items():
        title = rules().badges[name].title
        news = News("badge.awarded", f"badge:{name}", "/badges/", {"badge": {"en": title.en, "zh": title.zh}})
        tell(User.objects.filter(pk__in=keys), news)


def _facts(people: set[int] | None, held: Mapping[int, set[str]]) -> dict[int, dict[str, float]]:
    """What the badges ask for that one of these people does not have yet."""
    lacking = [
        badge
        for badge in rules().badges.values()
        if people is None or any(badge.id not in held[person] for person in people)
    ]
    found = defaultdict[int, dict[str, float]](dict)
    for name in sorted({name for badge in lacking for name in badge.needs}):
        for user, number in measured(name, people).items():
            found[user][name] = number
    houses = set(User.objects.filter(is_house=True).values_list("pk", flat=True)) if people is None else set()
    return {user: own for user, own in found.items() if user not in houses}


@dataclass(frozen=True)
class Offer:
    """Something that a person has done and may have a certificate about."""

    subject: str
    title: Words
    facts: tuple[Words, ...]


def offers(merged: Iterable[PullRequest], done: Iterable[Course]) -> list[Offer]:
    """What may be certified of these facts about one person."""
    tasks = {pull.task_id: pull for pull in merged if pull.task.kind != Task.Kind.EXERCISE}
    return [*(_of_task(pull) for pull in tasks.values()), *(_of_course(course) for course in done)]


def certify(user: User, subject: str) -> Certificate:
    """Issue the certificate that somebody asks for about what they did; the valid one if there is one.

    Raises:
        NotNow: they have not done it.
    """
    kind, _colon, slug = subject.partition(":")
    offer = None
    if kind == "task":
        pull = next((one for one in merged_work(user) if one.task.slug == slug), None)
        offer = _of_task(pull) if pull else None
        if pull and offer:
            offer = replace(offer, facts=(*offer.facts, *_together(pull)))
    elif kind == "course" and (course := Course.objects.filter(slug=slug).first()) is not None:
        found = standing(course, user)
        offer = _of_course(course) if found.steps and found.next is None else None
    if offer is None or user.is_house:
        raise NotNow(_("There is nothing to certify: it is not merged, or the course is not done."))
    return certificates.issue(user, offer.subject, offer.title, offer.facts)


def _of_task(pull: PullRequest) -> Offer:
    task = pull.task
    where = f"{settings.SITE_URL}/pulls/{pull.pk}/"
    return Offer(
        f"task:{task.slug}",
        Words(f"Merged contribution: {task.title_en}", f"已合并的贡献：{task.title_zh}"),
        (
            Words(
                f"Level {task.level} of 5, {task.points} points", f"难度 {task.level}/5，{task.points} 积分"
            ),
            Words(
                f"Merged on {pull.ended_at:%Y-%m-%d}: {where}", f"合并于 {pull.ended_at:%Y-%m-%d}：{where}"
            ),
        ),
    )


def _together(pull: PullRequest) -> Iterable[Words]:
    """Whose work it is, where it is that of several people."""
    paid = Reward.objects.filter(pull=pull, kind=Reward.Kind.MERGE).select_related("user").order_by("pk")
    if len(paid) > 1:
        names = ", ".join(f"{row.user.username} {row.points}" for row in paid)
        yield Words(f"Done together; points: {names}", f"共同完成；积分：{names}")


def _of_course(course: Course) -> Offer:
    return Offer(
        f"course:{course.slug}",
        Words(f"Completed course: {course.title_en}", f"完成课程：{course.title_zh}"),
        (Words("Every exercise was passed before the judge.", "全部练习都通过了评测。"),),
    )
