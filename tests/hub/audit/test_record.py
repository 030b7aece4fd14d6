"""The record only grows."""

from __future__ import annotations

import pytest

from hub.audit.actions import record
from hub.audit.queries import events_about


def test_events_are_found_by_their_subject_in_order(cast):
    record(cast.mei, "person.greeted", cast.alice, words="hello")
    record(cast.mei, "person.thanked", cast.alice)
    record(cast.mei, "person.greeted", cast.bob)
    assert [event.verb for event in events_about(cast.alice)] == ["person.greeted", "person.thanked"]


def test_an_event_is_never_changed(cast):
    event = record(None, "person.greeted", cast.alice)
    with pytest.raises(TypeError, match="append-only"):
        event.save()
