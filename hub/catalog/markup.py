"""Markdown with maths to HTML that is safe to show and needs no JavaScript.

Maths ($…$, $$…$$) becomes MathML. The result goes through an allow-list of elements, so neither a task's
statement nor a stranger's comment can bring in markup of its own.
"""

from __future__ import annotations

import re
from functools import lru_cache

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

MATHML = {
    "math", "semantics", "mrow", "mi", "mo", "mn", "ms", "mtext", "mspace", "msup", "msub", "msubsup",
    "mfrac", "msqrt", "mroot", "munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle",
    "mpadded", "mphantom", "menclose", "mmultiscripts", "mprescripts",
}  # fmt: skip
HTML = {
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "h1",
    "h2", "h3", "h4", "h5", "hr", "i", "kbd", "li", "ol", "p", "pre", "q", "s", "span", "strong", "sub",
    "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "code": {"class"},
    "div": {"class"},
    "ol": {"start"},
    "pre": {"class"},
    "span": {"class"},
    "td": {"style"},
    "th": {"style"},
    "math": {"display", "xmlns"},
    "mo": {
        "stretchy",
        "fence",
        "form",
        "separator",
        "lspace",
        "rspace",
        "accent",
        "movablelimits",
        "largeop",
    },
    "mi": {"mathvariant"},
    "mspace": {"width", "linebreak"},
    "mfrac": {"linethickness"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mtable": {"columnalign", "rowspacing", "displaystyle"},
    "mtd": {"columnalign"},
    "mover": {"accent"},
}
SCROLLED = ("pre", "table", "div")  # where it is narrow, by keyboard as well; a div holds a displayed formula
# Task statements use headings from "#": on the page the title is the h1, so they move down by one.
HEADING_DOWN = 1
LONGEST = 100_000  # characters of one text that are rendered
# Languages whose lexers were tried with hostile text. Pygments has hundreds, and in some one line of a
# stranger's comment keeps the whole site waiting for minutes.
COLOURED = {"c", "cpp", "c++", "cuda", "python", "py", "toml", "json", "text"}
LINES_AT_A_TIME = 200
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]{2}")  # two characters, or their punctuation


@lru_cache(maxsize=256)
def render_markdown(text: str) -> SafeString:
    """Safe HTML of a Markdown text, longer than LONGEST is cut."""
    html = _parser().render(text[:LONGEST])
    return mark_safe(  # noqa: S308 - nh3 has just reduced it to the allow-list
        nh3.clean(
            html,
            tags=HTML | MATHML,
            attributes=ATTRIBUTES,
            set_tag_attribute_values={name: {"tabindex": "0"} for name in SCROLLED},
            filter_style_properties={"text-align"},
            url_schemes={"http", "https", "mailto"},
            link_rel="nofollow noopener noreferrer",
        )
    )


def _maths(source: str, options: dict[str, bool]) -> str:
    display = "block" if options.get("display_mode") else "inline"
    try:
        return convert(source, display=display)
    except Exception:  # noqa: BLE001 - latex2mathml raises many unrelated classes on broken input
        return f"<code>{escape(source)}</code>"


def _code(source: str, language: str, attributes: str) -> str:
    html = _coloured(source, language) if language in COLOURED else escape(source)
    return f'<pre class="code"><code>{html}</code></pre>'


def _coloured(source: str, language: str) -> str:
    """A few lines at a time: on blank lines these lexers take quadratic time, with all else waiting."""
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    lines = source.splitlines(keepends=True)
    parts = ("".join(lines[at : at + LINES_AT_A_TIME]) for at in range(0, len(lines), LINES_AT_A_TIME))
    return "".join(highlight(part, lexer, HtmlFormatter(nowrap=True)) for part in parts)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "highlight": _code}).enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, renderer=_maths, double_inline=True)
    parser.core.ruler.push("headings_down", _move_headings)
    parser.core.ruler.push("chinese_lines", _join_chinese)
    return parser


def _join_chinese(state: object) -> None:
    """A line that ends between Chinese characters goes on without the space that Western words need."""
    for token in state.tokens:  # type: ignore[attr-defined]
        said = [child for child in token.children or () if child.content or child.type == "softbreak"]
        for before, child, after in zip(said, said[1:], said[2:], strict=False):
            if child.type == "softbreak" and CHINESE.match(before.content[-1:] + after.content[:1]):
                child.type = "text"  # an empty one


def _move_headings(state: object) -> None:
    for token in state.tokens:  # type: ignore[attr-defined]
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + HEADING_DOWN, 5)}"
