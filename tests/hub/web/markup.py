"""Reads a page as a careful browser would and lists what is wrong with it. Not a validator of all of HTML."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
LABELLED = {"input", "select", "textarea"}
UNSEEN_INPUTS = {"hidden", "submit", "button"}


@dataclass
class Form:
    method: str
    has_token: bool = False


@dataclass
class Page(HTMLParser):
    text: str
    problems: list[str] = field(default_factory=list)
    ids: Counter[str] = field(default_factory=Counter)
    headings: list[int] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _forms: list[Form] = field(default_factory=list)
    _labels: set[str] = field(default_factory=set)
    _fields: list[dict[str, str]] = field(default_factory=list)
    _refers: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.text)
        self.close()
        self._finish()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._look(tag, values)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self._say(f"</{tag}> closes {self._open[-1:] or 'nothing'}")
            return
        self._open.pop()
        if tag == "form":
            form = self._forms.pop()
            if form.method == "post" and not form.has_token:
                self._say("a form is posted without a CSRF token")

    def _look(self, tag: str, values: dict[str, str]) -> None:
        if "style" in values or tag == "style":
            self._say(f"<{tag}> has inline style: the security policy forbids it")
        if any(name.startswith("on") for name in values):
            self._say(f"<{tag}> has an inline handler")
        if tag == "script" and not values.get("src") and values.get("type") != "application/json":
            self._say("an inline script")
        if identity := values.get("id"):
            self.ids[identity] += 1
        if tag in {"h1", "h2", "h3", "h4", "h5"}:
            self.headings.append(int(tag[1]))
        if tag == "img" and "alt" not in values:
            self._say("an image without alt")
        self._look_at_form(tag, values)
        for name in ("aria-describedby", "aria-labelledby"):
            self._refers += [(name, target) for target in values.get(name, "").split()]

    def _look_at_form(self, tag: str, values: dict[str, str]) -> None:
        if tag == "form":
            self._forms.append(Form(values.get("method", "get").lower()))
        if values.get("name") == "csrfmiddlewaretoken" and self._forms:
            self._forms[-1].has_token = True
        if tag == "label" and "for" in values:
            self._labels.add(values["for"])
        shown = tag in LABELLED and values.get("type") not in UNSEEN_INPUTS
        if shown and "label" not in self._open and "aria-label" not in values:
            self._fields.append(values)

    def _finish(self) -> None:
        if self._open:
            self._say(f"never closed: {self._open}")
        for identity, count in self.ids.items():
            if count > 1:
                self._say(f"id {identity!r} stands {count} times")
        for values in self._fields:
            if values.get("id") not in self._labels:
                self._say(f"no label for the field {values.get('name')!r}")
        for name, target in self._refers:
            if target not in self.ids:
                self._say(f"{name} names {target!r}, which is not there")
        if self.headings.count(1) != 1:
            self._say(f"{self.headings.count(1)} headings of the first level")
        for above, below in zip(self.headings, self.headings[1:], strict=False):
            if below > above + 1:
                self._say(f"a heading h{below} follows h{above}")

    def _say(self, problem: str) -> None:
        line, _column = self.getpos()
        self.problems.append(f"line {line}: {problem}")


def problems(text: str) -> list[str]:
    return Page(text).problems
