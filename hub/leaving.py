"""Leaving: what happens when somebody deletes their account.

What says who the person was goes: name, addresses, log-ins, tokens, claims. What others rely on stays,
under a name that says nothing: points, verdicts, reviews, what was said. So no sum and no board changes. git
cannot forget: folders and branches there keep the username, so nobody else ever takes it.
"""

from __future__ import annotations

import secrets

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.translation import gettext as _

from hub import flow
from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog import roles
from hub.claims import actions as claims
from hub.claims import together
from hub.claims.models import Claim
from hub.claims.queries import to_answer
from hub.community import sigs
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.notify.choosing import forget
from hub.programmes import actions as programmes
from hub.pulls.models import MergeAttempt, PullRequest
from hub.rewards import certificates


def leave(user: User, username: str) -> User:
    """Delete somebody's account at their own wish; `username` is what they typed to confirm it.

    Raises:
        NotAllowed: an account of the demo or of the house, or the only maintainer's.
        BadInput: another username was typed.
        NotNow: a merge of theirs is under way.
    """
    if user.is_demo or user.is_house:
        raise NotAllowed(_("This account belongs to everybody: it cannot be deleted."))
    others = User.objects.filter(is_maintainer=True, is_active=True).exclude(pk=user.pk)
    if user.is_maintainer and not others.exists():
        raise NotAllowed(_("You are the only maintainer: make somebody else one first."))
    if username.strip() != user.username:
        raise BadInput(_("Type your username, %(name)s, to confirm it.") % {"name": user.username})
    merging = MergeAttempt.objects.filter(
        patch_set__pull__author=user, state__in=MergeAttempt.moves.live
    ).exists()
    if merging:
        raise NotNow(_("Work of yours is being merged just now: wait a few minutes."))
    _lay_down(user)
    with transaction.atomic():
        _forget_log_ins(user)
        left = _rename(user)
        record(left, "account.left", left)
    return left


def _lay_down(user: User) -> None:
    """Free what others may want to work on; each step stands alone, so this may be done again."""
    for pull in PullRequest.objects.filter(author=user, state=PullRequest.State.OPEN).select_related("task"):
        flow.close(pull, user)
    for claim in Claim.objects.filter(user=user, state=Claim.State.ACTIVE):
        claims.release(claim, user)
    for claim in Claim.objects.filter(user=user, state=Claim.State.REQUESTED):
        claims.withdraw(claim, user)
    for claim in to_answer(user.pk):
        end = together.end_invitation if claim.state == Claim.State.INVITED else claims.end_offer
        end(claim, user)
    user.mentored_tasks.clear()
    roles.end_all(user)
    sigs.forget(user)
    programmes.forget(user)


def _forget_log_ins(user: User) -> None:
    keys = UserSession.objects.filter(user=user).values_list("session_key", flat=True)
    Session.objects.filter(session_key__in=list(keys)).delete()
    for kept in (UserSession, EmailAddress, Authenticator, SocialAccount):
        kept.objects.filter(user=user).delete()
    user.tokens.all().delete()
    user.saved_filters.all().delete()
    forget(user)
    certificates.forget(user)


def _rename(user: User) -> User:
    """The row under an anonymous name. Fresh from the database: nothing else of `user` is written back."""
    left = User.objects.select_for_update().get(pk=user.pk)
    left.git_name, left.username = left.git_name or left.username, f"former-{secrets.token_hex(4)}"
    left.display_name = left.first_name = left.last_name = left.email = left.bio = ""
    left.is_active = left.is_staff = left.is_superuser = False
    left.is_mentor = left.is_maintainer = left.is_operator = False
    left.left_at, left.hidden = clock.now(), []
    left.set_unusable_password()
    left.groups.clear()
    left.user_permissions.clear()
    left.save()
    return left
