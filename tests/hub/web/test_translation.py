"""The Chinese catalogue is complete: every string of the sources, none in doubt, none that is gone.

A failure names the strings. The cure: `manage.py update_locale`, translate what is empty, run this again.
"""

from __future__ import annotations

import re
import string
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from hub.management.commands.update_locale import (
    KEYWORDS,
    catalogues,
    merged,
    sources,
    template,
    untranslated,
    written,
)

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
ALIAS = re.compile(r"\b\w*gettext\w* as (\w+)")
TAG = re.compile(r"</?[a-z]+")
# The same in both languages: names of products and units.
SAME = {"CPU", "GPU", "gcc", "Python", "NumPy", "en"}


@pytest.fixture(scope="module")
def chinese() -> Catalog:
    (path,) = catalogues()
    with open(path, "rb") as file:
        return read_po(file, locale="zh_Hans", abort_invalid=True)


def words(message: Message) -> tuple[str, ...]:
    return message.id if isinstance(message.id, tuple) else (message.id,)


def translations(message: Message) -> tuple[str, ...]:
    return message.string if isinstance(message.string, tuple) else (message.string,)


def test_no_string_is_missing_or_in_doubt(chinese: Catalog) -> None:
    (path,) = catalogues()
    missing = untranslated(merged(path, template()))
    assert [message.id for message in missing] == []


def test_no_string_is_left_over(chinese: Catalog) -> None:
    fresh = template()
    assert [m.id for m in chinese if m.id and fresh.get(words(m)[0], m.context) is None] == []


@pytest.mark.slow
def test_the_file_is_as_update_locale_writes_it(chinese: Catalog) -> None:
    (path,) = catalogues()
    assert written(merged(path, template())) == path.read_bytes()


def test_placeholders_and_tags_survive_translation(chinese: Catalog) -> None:
    def parts(text: str) -> set[str]:
        return set(PLACEHOLDER.findall(text)) | set(TAG.findall(text))

    lost = [
        message.id
        for message in chinese
        if message.id and any(parts(text) != parts(words(message)[-1]) for text in translations(message))
    ]
    assert lost == []


def test_what_is_translated_is_chinese(chinese: Catalog) -> None:
    def is_chinese(text: str) -> bool:
        return any("\u4e00" <= character <= "\u9fff" for character in text)

    def has_words(text: str) -> bool:
        return any(character in string.ascii_letters for character in PLACEHOLDER.sub("", text))

    left = [
        message.id
        for message in chinese
        if message.id
        and not set(words(message)) & SAME
        and any(has_words(text) and not is_chinese(text) for text in translations(message))
    ]
    assert left == []


def test_no_function_that_translates_goes_by_a_name_that_is_not_read() -> None:
    python = [path for path in sources() if path.suffix == ".py"]
    names = {path.name: set(ALIAS.findall(path.read_text())) - set(KEYWORDS) for path in python}
    assert {name: unread for name, unread in names.items() if unread} == {}


def test_templates_are_read_for_their_strings() -> None:
    found: Any = template()
    assert "Skip to the content" in found  # {% translate %}
    assert ("%(number)s entry", "%(number)s entries") in found  # {% blocktranslate count %}
    assert found.get("%(rank)s=", "shared rank") is not None  # pgettext in Python
