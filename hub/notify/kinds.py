"""All that people can be told, in words. A row keeps which sentence and its values; readers have languages.

Not in charge of who is told (`hub/telling.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """What can be switched off by itself."""

    VERDICT = "verdict", _("A verdict on your work")
    TURN = "turn", _("Your turn: changes asked for, approved, conflicts")
    REVIEW = "review", _("Your review or answer is asked for")
    NUDGE = "nudge", _("Something has waited for you for days")
    COMMENT = "comment", _("Comments and replies")
    MENTION = "mention", _("Somebody names you")
    CLAIM = "claim", _("Your claim: answers, offers, hand-overs, its end")
    REMINDER = "reminder", _("Your claim ends soon")
    MERGED = "merged", _("Work is merged, points")
    RECORD = "record", _("A board's record: yours, or yours no more")
    BADGE = "badge", _("You got a badge")
    TROUBLE = "trouble", _("The judge gave up (operators and maintainers)")
    ANNOUNCEMENT = "announcement", _("Announcements")


class Channel(models.TextChoices):
    SITE = "site", _("In the site")
    EMAIL = "email", _("E-mail")
    WEBHOOK = "webhook", _("Webhook")


AT_ONCE = frozenset({Kind.REMINDER})  # a digest may come too late for these
OF_TASKS = frozenset({Kind.VERDICT, Kind.REVIEW, Kind.MERGED, Kind.RECORD, Kind.TROUBLE})  # tasks' webhooks

# Kind and sentence; what stands before the dot of a name is the kind.
SENTENCES: dict[str, str | Promise] = {
    "verdict.passed": _("#%(pull)s passed: “%(task)s”."),
    "verdict.timed": _("#%(pull)s was timed on %(hardware)s: %(ratio)s times as fast as the baseline."),
    "verdict.failed": _("#%(pull)s did not pass on %(hardware)s: read the verdict."),
    "verdict.held": _("A result of #%(pull)s is held for review: a maintainer looks at it and decides."),
    "turn.changes": _("%(by)s asks for changes of #%(pull)s."),
    "turn.approved": _("%(by)s approved #%(pull)s."),
    "turn.conflict": _("#%(pull)s conflicts with main: rebase your branch and push again."),
    "turn.refused": _("Merged with main, #%(pull)s does not pass: read the verdict on the merge commit."),
    "review.asked": _("#%(pull)s by %(by)s passed and waits for a review: “%(task)s”."),
    "review.proposal": _("%(by)s proposes to work on “%(task)s” and waits for an answer."),
    "review.held": _("A result of #%(pull)s by %(by)s is held: a maintainer decides about it."),
    "nudge.review": _("#%(pull)s by %(by)s has waited for a mentor since %(since)s: “%(task)s”."),
    "nudge.proposal": _("%(by)s has waited for an answer to a proposal since %(since)s: “%(task)s”."),
    "nudge.contributor": _("It has been your turn on #%(pull)s since %(since)s: “%(task)s”."),
    "nudge.timed_out_mentor": _("#%(pull)s by %(by)s has waited for a mentor for four weeks: “%(task)s”."),
    "nudge.timed_out_contributor": _("#%(pull)s has waited for %(by)s for four weeks; it stays open."),
    "comment.pull": _("%(by)s commented on #%(pull)s: “%(task)s”."),
    "comment.question": _("%(by)s began a discussion on “%(task)s”."),
    "comment.task": _("%(by)s replied in the discussion of “%(task)s”."),
    "mention.pull": _("%(by)s names you on #%(pull)s: “%(task)s”."),
    "mention.task": _("%(by)s names you in the discussion of “%(task)s”."),
    "claim.accepted": _("%(by)s accepted your proposal for “%(task)s”: the task is yours."),
    "claim.refused": _("%(by)s refused your proposal for “%(task)s”."),
    "claim.offered": _("%(by)s would like to hand “%(task)s” over to you: take it or decline."),
    "claim.declined": _("%(by)s does not take “%(task)s” over: it stays yours."),
    "claim.taken_over": _("%(by)s has taken “%(task)s” over from %(who)s."),
    "claim.invited": _("%(by)s invites you to share “%(task)s”: %(share)s %% of its points would be yours."),
    "claim.not_joined": _("%(by)s does not join you on “%(task)s”."),
    "claim.joined": _("%(by)s shares “%(task)s” with %(who)s now, for %(share)s %% of its points."),
    "claim.left": _("%(by)s has left the claim on “%(task)s” that you share."),
    "claim.expired": _("Your claim on “%(task)s” has expired; the slot is free again."),
    "reminder.first_push": _("Push something, or your claim on “%(task)s” ends on %(until)s."),
    "reminder.idle": _("“%(task)s” has been quiet for long: without a push your claim ends on %(until)s."),
    "reminder.last": _("Without a push your claim on “%(task)s” ends on %(until)s."),
    "merged.author": _("#%(pull)s is merged into main: “%(task)s”. Points: %(points)s."),
    "merged.together": _("#%(pull)s by %(by)s, shared with you, is merged: “%(task)s”. Points: %(points)s."),
    "merged.reviewer": _("#%(pull)s, which you reviewed, is merged: “%(task)s”. Points: %(points)s."),
    "record.confirmed": _("#%(pull)s holds the record of “%(task)s” on %(hardware)s: %(ratio)s times."),
    "record.lost": _("#%(pull)s by %(by)s beat your record of “%(task)s” on %(hardware)s: %(ratio)s times."),
    "badge.awarded": _("You have a new badge: “%(badge)s”."),
    "trouble.abandoned": _("The judge gave up a job of #%(pull)s on %(hardware)s."),
    "announcement.made": "%(title)s",
}  # fmt: skip
DATES = ("since", "until")


def kind_of(what: str) -> Kind:
    return Kind(what.partition(".")[0])


def sentence(what: str, words: Mapping[str, Any]) -> str:
    """What is told, in the language that is active."""
    values = {name: _value(name, value) for name, value in words.items()}
    return str(SENTENCES[what]) % values


def text_of(words: Mapping[str, Any]) -> str:
    """What somebody wrote, that is told with it; empty if nothing."""
    return str(_value("text", words.get("text", "")))


def _value(name: str, value: Any) -> Any:
    if isinstance(value, dict):  # in both languages
        other = value.get("en") or value.get("zh", "")
        return value.get("zh" if (get_language() or "").startswith("zh") else "en") or other
    if name in DATES:
        return date_format(datetime.fromisoformat(value), "DATE_FORMAT")
    return value
