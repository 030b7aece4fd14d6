"""Bring the catalogues under `locale/` up to date with the sources: new strings in, gone ones out.

Needs Babel, not gettext: templates are first turned into what looks like Python by Django's own `templatize`.
Not in charge of translating (an editor does) nor of compiling (`compile_locale`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation.template import templatize

KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
WIDTH = 110
TEMPLATES = (".html", ".txt")  # pages, and messages of accounts
PASSING_HEADERS = (b'"POT-Creation', b'"PO-Revision', b'"Last-Translator', b'"Report-Msgid', b'"Generated-By')


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        fresh = template()
        for path in catalogues():
            catalogue = merged(path, fresh)
            path.write_bytes(written(catalogue))
            missing = untranslated(catalogue)
            self.stdout.write(f"{path}: {len(catalogue)} strings, {len(missing)} to translate")


def catalogues() -> list[Path]:
    return sorted(Path(settings.BASE_DIR, "locale").glob("*/LC_MESSAGES/django.po"))


def template() -> Catalog:
    """Every string of the sources, untranslated."""
    found = Catalog()
    for path in sources():
        name = path.relative_to(settings.BASE_DIR).as_posix()
        for line, message, comments, context in strings_of(path):
            found.add(message, locations=[(name, line)], auto_comments=comments, context=context)
    return found


def sources() -> list[Path]:
    root = Path(settings.BASE_DIR)
    templates = [path for path in (root / "templates").rglob("*.*") if path.suffix in TEMPLATES]
    return [*sorted((root / "hub").rglob("*.py")), *sorted(templates)]


def strings_of(path: Path) -> Iterator[tuple[int, Any, list[str], str | None]]:
    text = path.read_text()
    if path.suffix in TEMPLATES:
        # What is left around the strings is filler; without indentation any tokenizer takes it.
        text = "\n".join(line.lstrip() for line in templatize(text, origin=str(path)).split("\n"))
    yield from extract("python", io.BytesIO(text.encode()), KEYWORDS, ["Translators:"], {"encoding": "utf-8"})


def merged(path: Path, fresh: Catalog) -> Catalog:
    """The catalogue at `path` with the strings of `fresh`; nothing is guessed from similar strings."""
    with open(path, "rb") as file:
        catalogue = read_po(file, locale=path.parents[1].name, abort_invalid=True)
    catalogue.update(fresh, no_fuzzy_matching=True)
    return catalogue


def written(catalogue: Catalog) -> bytes:
    """The catalogue as a file, without the header lines that would differ at each run."""
    whole = io.BytesIO()
    write_po(whole, catalogue, width=WIDTH, include_lineno=False, sort_by_file=True, ignore_obsolete=True)
    lines = whole.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(PASSING_HEADERS))


def untranslated(catalogue: Catalog) -> list[Message]:
    """Messages without words in this language, in any plural form, or marked as doubtful."""
    return [message for message in catalogue if message.id and (message.fuzzy or not all(_forms(message)))]


def _forms(message: Message) -> tuple[str, ...]:
    return message.string if isinstance(message.string, tuple) else (message.string,)
