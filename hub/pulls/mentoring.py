"""Writes of the mentor's desk: taking a review within one's capacity, saved replies, what authors say of it.

Not in charge of reviews themselves (`actions.py`) nor of how long a lock lasts (`locks.py`).
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.core import clock
from hub.core.constraints import broken
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls import locks
from hub.pulls.actions import BODY_LONGEST
from hub.pulls.mentors import care_of, reviewers_of
from hub.pulls.models import DeskSettings, PullRequest, Rating, SavedReply

CAPACITY_MOST = 50
REPLIES_MOST = 50
NAME_LONGEST = 60


def take(pull: PullRequest, mentor: User) -> None:
    """Take a review, if there is room for one more.

    Raises:
        NotAllowed, NotNow: as `locks.take`; NotNow as well for a mentor who has enough to do.
    """
    care = care_of(mentor)
    if care.is_full and pull.pk not in care.pulls:
        raise NotNow(
            _("You look after %(number)s open pull requests, as many as you chose: finish one of them first.")
            % {"number": len(care.pulls)}
        )
    locks.take(pull, mentor)


def set_capacity(mentor: User, number: int) -> None:
    """How many open pull requests this mentor looks after at once; 0 for a pause.

    Raises:
        BadInput: beyond what anybody can do.
    """
    if not 0 <= number <= CAPACITY_MOST:
        raise BadInput(
            _("%(number)s pull requests at once: give a number from 0 to %(most)s.")
            % {"number": number, "most": CAPACITY_MOST}
        )
    DeskSettings.objects.update_or_create(mentor=mentor, defaults={"capacity": number})


def save_reply(owner: User, name: str, body: str) -> None:
    """Keep words under a name; the same name again replaces them.

    Raises:
        BadInput: empty, too long, or too many.
    """
    name, body = " ".join(name.split()), body.replace("\r\n", "\n").replace("\x00", "").strip()
    if not name or len(name) > NAME_LONGEST or not body or len(body) > BODY_LONGEST:
        raise BadInput(
            _("A saved reply has a name of at most %(name)s characters and a text of at most %(text)s.")
            % {"name": NAME_LONGEST, "text": BODY_LONGEST}
        )
    others = owner.saved_replies.exclude(name=name)
    if others.count() >= REPLIES_MOST:
        raise BadInput(_("You have %(most)s saved replies: forget one first.") % {"most": REPLIES_MOST})
    SavedReply.objects.update_or_create(owner=owner, name=name, defaults={"body": body})


def forget_reply(owner: User, key: int) -> None:
    """Raises NotNow if there is no such reply of theirs."""
    if owner.saved_replies.filter(pk=key).delete()[0] == 0:
        raise NotNow(_("There is no such saved reply of yours any more."))


def rate(pull: PullRequest, by: User, mentor: User, score: int) -> None:
    """Say how much a mentor helped, once the pull request has ended.

    Raises:
        NotAllowed: not its author, or this person did not review it.
        NotNow: it is open, or was said already.
        BadInput: no known score.
    """
    if by.pk != pull.author_id or mentor not in reviewers_of(pull):
        raise NotAllowed(_("Only the author says so, of a mentor who reviewed the pull request."))
    if pull.state == PullRequest.State.OPEN:
        raise NotNow(_("Say it when the pull request has ended."))
    if score not in Rating.Score.values:
        raise BadInput(_("Choose one of the answers."))
    try:
        with transaction.atomic():
            given = Rating.objects.create(pull=pull, mentor=mentor, score=score, at=clock.now())
            record(by, "mentor.rated", given, pull=pull.pk)
    except IntegrityError as error:
        if not broken(error, Rating, "rating_one_per_mentor_of_a_pull"):
            raise
        raise NotNow(_("You have said so already.")) from error
