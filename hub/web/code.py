"""Source lines in colour: one piece of safe HTML for each line, and the stylesheet of its classes.

Not in charge of what a diff is (`hub/repos/git.py`) nor of how it is laid out (`diffs.py`).
The stylesheet is made from Pygments' own styles: `python -m hub.web.code > static/css/code.css`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import PurePosixPath

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.style import Style
from pygments.styles import get_style_by_name
from pygments.token import Comment, Keyword, Literal, Name, Operator

from hub.web.plain import named

MOST_CHARACTERS = 100_000  # more is shown without colours
# Coloured at a time. Some lexers take quadratic time over blank lines; a comment that runs across this border
# loses its colour behind it.
LINES_AT_A_TIME = 500
LIGHT, DARK = "xcode", "github-dark"  # every colour below reads at 4.5:1 on our grounds; a test checks
LEXERS = {
    ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".cu": "cuda",
    ".cuh": "cuda", ".py": "python", ".toml": "toml", ".md": "markdown", ".json": "json", ".sh": "bash",
    ".yml": "yaml", ".yaml": "yaml",
}  # fmt: skip
COLOURED = {  # token -> our class; every finer token takes the class of the nearest one above it
    Comment: "c", Comment.Preproc: "cp", Comment.PreprocFile: "s", Keyword: "k", Keyword.Type: "kt",
    Literal.String: "s", Literal.Number: "m", Name.Builtin: "nb", Name.Class: "nc", Name.Decorator: "nd",
    Name.Function: "nf", Operator.Word: "ow",
}  # fmt: skip


def code_lines(path: str, lines: Sequence[str]) -> list[SafeString]:
    """Each line escaped, coloured by the language of `path`, with what cannot be seen shown by name."""
    shown = [named(line) for line in lines]
    lexer = _lexer(path)
    if lexer is None or sum(map(len, shown)) > MOST_CHARACTERS:
        return [escape(line) for line in shown]
    html: list[SafeString] = []
    for begin in range(0, len(shown), LINES_AT_A_TIME):
        html += _coloured(lexer, shown[begin : begin + LINES_AT_A_TIME])
    return html


def _coloured(lexer: Lexer, shown: Sequence[str]) -> list[SafeString]:
    lines: list[list[tuple[str, str]]] = [[]]
    for token, text in lexer.get_tokens("\n".join(shown)):
        css = _class(token)
        for number, piece in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if piece:
                lines[-1].append((css, piece))
    # Lexers end their text with a line end of their own.
    return [_line(pieces) for pieces in lines[: len(shown)]]


def _line(pieces: list[tuple[str, str]]) -> SafeString:
    """Neighbours of one colour become one piece."""
    html = []
    for css, group in groupby(pieces, key=itemgetter(0)):
        text = escape("".join(piece for _css, piece in group))
        html.append(f'<span class="{css}">{text}</span>' if css else text)
    return mark_safe("".join(html))  # noqa: S308 - every piece was escaped in the line above


def _lexer(path: str) -> Lexer | None:
    name = LEXERS.get(PurePosixPath(path).suffix.lower())
    return get_lexer_by_name(name, stripnl=False) if name else None


@cache
def _class(token: object) -> str:
    while token is not None and token not in COLOURED:
        token = getattr(token, "parent", None)
    return f"k-{COLOURED[token]}" if token is not None else ""


def stylesheet() -> str:
    """Rules for light and dark, in the two ways that the page can be dark."""
    dark = _rules(DARK)
    return (
        "/* Made by `python -m hub.web.code`; change that, not this. */\n"
        + "".join(f".code {rule}\n" for rule in _rules(LIGHT))
        + "@media screen and (prefers-color-scheme: dark) {\n"
        + "".join(f'  :root:not([data-theme="light"]) .code {rule}\n' for rule in dark)
        + "}\n@media screen {\n"
        + "".join(f'  :root[data-theme="dark"] .code {rule}\n' for rule in dark)
        + "}\n"
    )


def colours(style_name: str) -> dict[str, str]:
    """Class -> colour of a Pygments style."""
    style: type[Style] = get_style_by_name(style_name)
    return {f"k-{css}": style.style_for_token(token)["color"] or "" for token, css in COLOURED.items()}


def _rules(style_name: str) -> list[str]:
    return [f".{css} {{ color: #{colour}; }}" for css, colour in colours(style_name).items() if colour]


if __name__ == "__main__":
    print(stylesheet(), end="")
