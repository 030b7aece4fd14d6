"""Every page, for everybody, in both languages: it answers, is well formed, keeps to the security policy."""

from __future__ import annotations

import re

import pytest

from tests import people
from tests.hub.web.conftest import Town, Visitor
from tests.hub.web.markup import problems

EVERYBODY = (None, "alice", "bob", "mei", "max")
OWN_PAGES = ("/settings/", "/settings/delete/", "/settings/tokens/", "/email/", "/2fa/", "/logout/")
OWN_PAGES += ("/notifications/", "/settings/notifications/")


@pytest.mark.parametrize(
    ("language", "readers"),
    [
        ("en", EVERYBODY),
        ("zh-hans", (None, "max")),
        pytest.param("zh-hans", ("alice", "bob", "mei"), marks=pytest.mark.slow),
    ],
)
def test_every_page_answers_everybody_well_formed(
    town: Town, language: str, readers: tuple[str | None, ...]
) -> None:
    found = {}
    for name in readers:
        visitor = Visitor(getattr(town.people, name) if name else None, language)
        for path in town.pages() + list(OWN_PAGES if name else ()):
            if name and path in {"/login/", "/signup/"}:
                continue  # who is logged in is sent on
            if wrong := problems(visitor.get(path)):
                found[name, path] = wrong
    assert found == {}


@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("zh-hans", "zh-Hans"), ("zh-CN", "zh-Hans")])
def test_a_page_says_its_language(db: None, language: str, tag: str) -> None:
    assert f'<html lang="{tag}"' in Visitor(None, language).get("/")


def test_the_language_switch_is_on_every_page_and_comes_back_to_it(town: Town) -> None:
    visitor = Visitor(None)
    assert "切换到中文" in visitor.get(f"/tasks/{town.task.slug}/")
    answer = visitor.post("/i18n/setlang/", {"language": "zh-hans", "next": "/tasks/?text=softmax"})
    assert answer.headers["location"] == "/tasks/?text=softmax"
    assert '<html lang="zh-Hans"' in visitor.get("/tasks/")


def test_the_theme_is_in_the_first_byte_of_the_page(db: None) -> None:
    visitor = Visitor(None)
    assert "data-theme=" not in visitor.get("/")
    visitor.post("/settings/theme/", {"theme": "dark", "next": "/tasks/"})
    assert 'data-theme="dark"' in visitor.get("/")
    visitor.post("/settings/theme/", {"theme": "no such theme"})
    assert "data-theme=" not in visitor.get("/")


def test_nothing_inline_may_run_and_styles_only_beside_a_plot(town: Town) -> None:
    for path in town.pages():
        policy = Visitor(None).client.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "script-src 'self';" in policy
        has_plot = path.startswith("/boards/") and path != "/boards/"
        assert ("'unsafe-inline'" in policy) == has_plot, path


def test_every_page_loads_from_this_site_alone(town: Town) -> None:
    for path in town.pages():
        page = Visitor(None).get(path)
        loaded = re.findall(r'<(?!a )[a-z]+[^>]*\s(?:src|href)="(?:https?:)?//[^>]*>', page)
        assert loaded == [], path


@pytest.mark.parametrize("path", ["/settings/theme/", "/settings/tokens/create/"])
def test_what_writes_does_not_answer_get(cast: people.Cast, path: str) -> None:
    Visitor(cast.alice).get(path, status=405)
