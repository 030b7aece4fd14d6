"""Full-text search over tasks in English and Chinese, the same on PostgreSQL and on SQLite.

Not in charge of what is indexed (`actions.publish`) nor of the other filters (`finding.py`).

Theory of operation
- Neither database cuts Chinese into words. So this module does: a run of Chinese characters becomes its
  single characters and its overlapping pairs, which finds any word of two characters; all else becomes words
  of small letters and digits. What a database sees is ASCII words alone, whatever its locale or parser.
- `SearchText` (models.py) holds the words of a task, cut. `FullText` is its index: PostgreSQL has a GIN index
  over a text-search vector, SQLite an FTS5 table that triggers keep equal to the model's. Either way the
  database keeps it current when the row is written, in the same transaction.
- A query is cut the same way, and every part of it must be there. An English word also finds what begins with
  it once its ending is taken off (normalising → normalis…), which needs no dictionary on either side.
- The title weighs more than the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from django.db import connection, models
from django.db.backends.ddl_references import Statement, Table

INDEX = "catalog_full_text"  # also the name of SQLite's FTS5 table
TITLE_WEIGHT = 8  # beside 1 for the text
QUERY_LONGEST = 200  # characters
QUERY_WORDS = 16
STEM_SHORTEST = 4  # an ending is cut only if so much is left; a shorter word must be met exactly
ENDINGS = re.compile(r"(?:isation|ization|ations?|ings?|ers?|ed|es|e|s)$")
PIECE = re.compile(r"[a-z0-9]+|[\u3400-\u9fff\uf900-\ufaff]+")
NAMED = (("c++", "cpp"), ("c#", "csharp"))  # names of languages that would lose their signs

VECTOR = (
    "(setweight(to_tsvector('simple', \"title\"), 'A') || setweight(to_tsvector('simple', \"body\"), 'D'))"
)
TRIGGERS = {
    "insert": "INSERT INTO {fts}(rowid, title, body) VALUES (new.task_id, new.title, new.body);",
    "delete": "INSERT INTO {fts}({fts}, rowid, title, body)"
    " VALUES ('delete', old.task_id, old.title, old.body);",
}
TRIGGERS["update"] = TRIGGERS["delete"] + TRIGGERS["insert"]


def cut(*texts: str) -> str:
    """The words of texts as they are stored, divided by spaces."""
    return " ".join(word for text in texts for word in _words(text))


def ranked(text: str) -> list[int]:
    """Keys of the tasks that have every word of `text`, best first; nothing if it has no word at all."""
    terms = _terms(text)
    if not terms:
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            query = " & ".join(f"{word}:*" if begins else word for word, begins in terms)
            cursor.execute(POSTGRESQL, {"query": query})
        else:
            query = " AND ".join(f'"{word}"*' if begins else f'"{word}"' for word, begins in terms)
            cursor.execute(SQLITE, [query])
        return [key for (key,) in cursor.fetchall()]


POSTGRESQL = f"""
SELECT task_id FROM catalog_searchtext, to_tsquery('simple', %(query)s) AS wanted WHERE {VECTOR} @@ wanted
ORDER BY ts_rank('{{{1 / TITLE_WEIGHT}, 0, 0, 1}}', {VECTOR}, wanted) DESC, task_id
"""  # noqa: S608 - constants of this file
SQLITE = f"""
SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH %s ORDER BY bm25({INDEX}, {TITLE_WEIGHT}, 1), rowid
"""  # noqa: S608


class FullText(models.Index):
    """The index of the columns `title` and `body` of a model whose key is `task_id`."""

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **kwargs: Any) -> Statement:
        table = Table(model._meta.db_table, schema_editor.quote_name)
        if schema_editor.connection.vendor == "postgresql":
            return Statement(f"CREATE INDEX {self.name} ON %(table)s USING gin ({VECTOR})", table=table)
        for event, action in TRIGGERS.items():
            made = f"CREATE TRIGGER IF NOT EXISTS {self.name}_{event} AFTER {event} ON %(table)s"
            body = action.format(fts=self.name)
            schema_editor.deferred_sql.append(Statement(f"{made} BEGIN {body} END", table=table))
        columns = "title, body, content=%(table)s, content_rowid='task_id'"
        return Statement(f"CREATE VIRTUAL TABLE IF NOT EXISTS {self.name} USING fts5({columns})", table=table)

    def remove_sql(self, model: Any, schema_editor: Any, **kwargs: Any) -> str:
        if schema_editor.connection.vendor == "postgresql":
            return f"DROP INDEX {self.name}"
        for event in TRIGGERS:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {self.name}_{event}")
        return f"DROP TABLE {self.name}"


def _pieces(text: str) -> Iterator[str]:
    text = unicodedata.normalize("NFKC", text).casefold()
    for sign, name in NAMED:
        text = text.replace(sign, f" {name} ")
    yield from PIECE.findall(text)


def _words(text: str) -> Iterator[str]:
    for piece in _pieces(text):
        if piece.isascii():
            yield piece
        else:
            yield from map(_coded, piece)
            yield from map(_coded, _pairs(piece))


def _terms(text: str) -> list[tuple[str, bool]]:
    """The words of a query, and whether longer words that begin so will do."""
    terms: dict[str, bool] = {}
    for piece in _pieces(text[:QUERY_LONGEST]):
        if not piece.isascii():
            terms |= {_coded(part): False for part in (_pairs(piece) if len(piece) > 1 else [piece])}
        else:
            stem = ENDINGS.sub("", piece)
            word = stem if len(stem) >= STEM_SHORTEST else piece
            terms[word] = len(word) >= STEM_SHORTEST - 1
    return list(terms.items())[:QUERY_WORDS]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _coded(characters: str) -> str:
    """Chinese characters as an ASCII word: 向量 → u5411u91cf."""
    return "".join(f"u{ord(character):x}" for character in characters)
