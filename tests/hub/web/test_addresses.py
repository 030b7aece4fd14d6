"""Addresses in templates: those of `reverse`, escaped, and worked out once."""

from __future__ import annotations

import pytest
from django.template import engines
from django.urls import NoReverseMatch, reverse

from hub.web.templatetags import addresses


def drawn(text: str, **facts: object) -> str:
    return engines["django"].from_string(text).render(facts)


def test_a_template_leads_where_the_name_leads() -> None:
    assert drawn('{% url "web:task" slug %}', slug="row-softmax") == reverse("web:task", args=["row-softmax"])
    found = drawn('{% url "web:tasks" as href %}<a href="{{ href }}">', slug="")
    assert found == f'<a href="{reverse("web:tasks")}">'
    with pytest.raises(NoReverseMatch, match="no-such-page"):
        drawn('{% url "web:no-such-page" %}')


def test_what_stands_in_an_address_does_not_end_the_attribute() -> None:
    assert drawn('{% url "web:person" name %}', name="a&b'c") == "/people/a&amp;b&#x27;c/"


def test_an_address_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counting(name: str, args: tuple[object, ...]) -> str:
        asked.append((name, args))
        return "/here/"

    monkeypatch.setattr(addresses, "reverse", counting)
    addresses.address.cache_clear()
    rows = '{% for key in keys %}{% url "web:pull" key %}{% endfor %}'
    assert drawn(rows, keys=[1, 2, 1]) == 3 * "/here/"
    addresses.address.cache_clear()
    assert asked == [("web:pull", (1,)), ("web:pull", (2,))]
