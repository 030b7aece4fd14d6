"""Writes about teams: making one, joining it by its code, leaving it."""

from __future__ import annotations

import secrets

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.models import Programme
from hub.core import clock
from hub.core.constraints import broken
from hub.core.errors import BadInput, NotNow
from hub.programmes import queries
from hub.programmes.models import Member, Team

NAME_LONGEST = 40  # characters


def found_team(programme: Programme, user: User, name: str) -> Team:
    """Make a team with oneself in it.

    Raises:
        NotNow: no teams here, too late, an insider, or in a team already.
        BadInput: no name, too long, or another team's.
    """
    name = " ".join(name.replace("\x00", "").split())
    if not name or len(name) > NAME_LONGEST:
        raise BadInput(_("A team's name has between 1 and %(most)s characters.") % {"most": NAME_LONGEST})
    with transaction.atomic():
        _may_team(programme, user)
        team = _new_team(programme, name)
        _add(team, user)
        record(user, "team.founded", team, name=name)
    return team


def join_team(programme: Programme, user: User, code: str) -> Team:
    """Join the team whose code this is.

    Raises:
        NotNow: no teams here, too late, an insider, in a team already, or the team is full.
        BadInput: no team of this programme has the code.
    """
    with transaction.atomic():
        _may_team(programme, user)
        team = Team.objects.select_for_update().filter(programme=programme, code=code.strip()[:32]).first()
        if team is None:
            raise BadInput(_("No team here has this code: ask somebody of the team for it once more."))
        if team.members.count() >= programme.team_most:
            words = _("“%(name)s” has %(most)s people already, as many as fit.")
            raise NotNow(words % {"name": team.name, "most": programme.team_most})
        _add(team, user)
        record(user, "team.joined", team)
    return team


def leave_team(programme: Programme, user: User) -> None:
    """Leave one's team; the last who leaves takes it along. Afterwards one's entries count for oneself.

    Raises:
        NotNow: in no team, or the programme has ended.
    """
    with transaction.atomic():
        _still_open(programme)
        own = Member.objects.filter(programme=programme, user=user).select_related("team").first()
        if own is None:
            raise NotNow(_("You are in no team here."))
        team = Team.objects.select_for_update().get(pk=own.team_id)
        record(user, "team.left", team, name=team.name)
        own.delete()
        if not team.members.exists():
            team.delete()


def new_code() -> str:
    """What lets somebody into a team: 96 bits of chance."""
    return secrets.token_urlsafe(12)


def _new_team(programme: Programme, name: str) -> Team:
    try:
        with transaction.atomic():
            return Team.objects.create(programme=programme, name=name, code=new_code(), at=clock.now())
    except IntegrityError as error:
        if broken(error, Team, "team_named_once"):
            raise BadInput(
                _("There is a team “%(name)s” already: take another name.") % {"name": name}
            ) from error
        raise


def _add(team: Team, user: User) -> None:
    try:
        with transaction.atomic():
            Member.objects.create(team=team, programme=team.programme, user=user, at=clock.now())
    except IntegrityError as error:
        if broken(error, Member, "member_of_one_team"):
            raise NotNow(_("You are in a team here already: leave it first.")) from error
        raise


def _may_team(programme: Programme, user: User) -> None:
    if programme.team_most < 2:
        raise NotNow(_("In “%(name)s” everybody works alone.") % {"name": programme.title})
    _still_open(programme)
    if queries.is_insider(programme, user):
        raise NotNow(_("You mentor or maintain here: insiders are in no team."))


def _still_open(programme: Programme) -> None:
    if programme.ends_at is not None and clock.now() >= programme.ends_at:
        words = _("“%(name)s” ended on %(date)s: teams stay as they are.")
        raise NotNow(words % {"name": programme.title, "date": programme.tell(programme.ends_at)})
