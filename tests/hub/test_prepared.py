"""Prepared queries: their SQL is written once, their answers are as new as those of any query."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from hub.accounts.models import ApiToken, User
from hub.core import clock
from hub.core.prepared import prepared
from tests.people import Cast

pytestmark = pytest.mark.django_db

written: list[str] = []


@prepared
def named(name: str) -> QuerySet[User]:
    written.append("named")
    return User.objects.filter(username=name)


@prepared
def among(keys: list[int], name: str) -> QuerySet[User]:
    written.append("among")
    return User.objects.filter(pk__in=keys).exclude(username=name).order_by("pk")


@prepared
def tokens_since(owner: int, since: datetime) -> QuerySet[ApiToken, tuple[str, str]]:
    return ApiToken.objects.filter(user=owner, created_at__gt=since).values_list("name", "user__username")


@prepared
def tokens_with_owner(name: str) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(name=name).select_related("user")


@prepared
def tokens_until_now(owner: int) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user=owner, created_at__lt=clock.now())


def token_of(user: User) -> ApiToken:
    return ApiToken.objects.create(user=user, name="laptop", digest=f"{user.pk}", created_at=clock.now())


def test_each_call_asks_anew_and_writes_nothing_anew(cast: Cast) -> None:
    named(cast.alice.username)
    written.clear()
    User.objects.filter(pk=cast.bob.pk).update(display_name="Changed")
    with CaptureQueriesContext(connection) as asked:
        assert [user.display_name for user in named(cast.bob.username)] == ["Changed"]
        assert named("nobody-has-this-name") == []
    assert len([one for one in asked.captured_queries if one["sql"].startswith("SELECT")]) == 2
    assert not written


def test_a_list_may_have_any_length_and_few_lengths_are_written(cast: Cast) -> None:
    people = list(User.objects.order_by("pk")[:6])
    written.clear()
    for number in range(7):
        keys = [user.pk for user in people[:number]]
        assert among(keys, people[1].username) == [user for user in people[:number] if user != people[1]]
    assert len(written) <= 4  # of 1, 2, 4 and 8


def test_arguments_given_by_name_are_the_same_arguments(cast: Cast) -> None:
    both = [cast.alice.pk, cast.bob.pk]
    assert among(name=cast.alice.username, keys=both) == among(both, cast.alice.username) == [cast.bob]


def test_moments_and_columns_of_other_tables_are_understood(cast: Cast) -> None:
    token = token_of(cast.alice)
    before, after = token.created_at - timedelta(seconds=1), token.created_at + timedelta(seconds=1)
    assert tokens_since(cast.alice.pk, before) == [("laptop", cast.alice.username)]
    assert tokens_since(cast.alice.pk, after) == []
    assert tokens_since(cast.bob.pk, before) == []


def test_rows_come_with_those_they_lead_to(cast: Cast, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    token_of(cast.alice), token_of(cast.bob)
    with django_assert_num_queries(1):
        assert {token.user for token in tokens_with_owner("laptop")} == {cast.alice, cast.bob}


def test_a_moment_that_would_stay_in_the_query_for_ever_is_refused(cast: Cast) -> None:
    with pytest.raises(ValueError, match=r"tokens_until_now would ask for .*: make it an argument"):
        tokens_until_now(cast.alice.pk)


@prepared
def tokens_like(owner: int, names: list[str]) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user=owner, name__in=names).exclude(name__contains="100%s")


def test_a_percent_sign_and_a_list_of_texts_are_what_they_are(cast: Cast) -> None:
    token = token_of(cast.alice)
    other = ApiToken.objects.create(user=cast.alice, name="100%s", digest="other", created_at=clock.now())
    for _ in range(3):  # PostgreSQL plans it anew at first, later it does not
        assert tokens_like(cast.alice.pk, ["laptop", other.name, "desk"]) == [token]
    assert tokens_like(cast.alice.pk, ["desk"]) == []
