"""`python -m framework docs`: docs/framework/, made from docstrings and from the table of torch's names.

Every public name must have a docstring: it is the documentation.
"""

from __future__ import annotations

import importlib
import inspect
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

from framework.compat.table import CLASSES, rows
from framework.core.python import ToPython

# What users import, in the order in which a reader meets it.
MODULES = (
    "framework",
    "framework.ops",
    "framework.ops.linalg",
    "framework.ops.fft",
    "framework.array_api",
    "framework.nn",
    "framework.nn.init",
    "framework.optim",
    "framework.data",
    "framework.train",
    "framework.amp",
    "framework.serialise",
    "framework.custom",
    "framework.profiler",
    "framework.errors",
)
FOLDER = Path(__file__).parents[1] / "docs" / "framework"
_KINDS = {
    "same": "same",
    "renamed": "renamed",
    "default": "different default",
    "meaning": "different meaning",
    "written": "written otherwise",
    "missing": "missing",
}


def pages() -> dict[str, str]:
    """The pages' texts, by file name."""
    return {"api.md": api(), "from-torch.md": from_torch()}


def public(module: ModuleType) -> dict[str, Any]:
    """The documented names of a module: functions and classes of the framework's own, by name."""
    found = {name: each for name, each in vars(module).items() if not name.startswith("_")}
    if hasattr(module, "__all__"):
        found = {name: getattr(module, name) for name in module.__all__}
    else:  # what it imports for its own use has its place elsewhere
        found = {n: each for n, each in found.items() if getattr(each, "__module__", "") == module.__name__}
    return {
        name: each
        for name, each in sorted(found.items(), key=lambda item: item[0].lower())
        if (inspect.isfunction(each) or inspect.isclass(each)) and each.__module__.startswith("framework")
    }


def api() -> str:
    """All public names with signature and docstring, a section for each module."""
    lines = ["# The framework's names", "", "Made from the docstrings by `python -m framework docs`.", ""]
    for path in MODULES:
        module = importlib.import_module(path)
        lines += [f"## {path}", "", *_text(module), ""]
        for name, each in public(module).items():
            lines += [f"### `{path}.{name}{_signature(each)}`", "", *_text(each), "", *_methods(name, each)]
    return "\n".join(lines).rstrip() + "\n"


def _methods(name: str, thing: Any) -> list[str]:
    """The methods and properties that a class, or a base of no page's, documents; of operators the names."""
    kinds = (
        [
            kind
            for kind in inspect.getmro(thing)
            if kind is thing or kind.__name__[0] == "_" or kind is ToPython
        ]
        if inspect.isclass(thing)
        else []
    )
    own = {m: f for kind in reversed(kinds) for m, f in vars(kind).items() if m[0] != "_"}
    lines: list[str] = []
    operators = [m for m, f in own.items() if getattr(f, "__module__", "").startswith("framework.ops.")]
    if operators:
        lines += [f"Operators as methods: {', '.join(f'`{m}`' for m in sorted(operators))}.", ""]
    for method, each in own.items():
        function = each.__func__ if isinstance(each, staticmethod | classmethod) else each
        text = inspect.cleandoc(function.__doc__ or "").splitlines()
        if text and method not in operators and (inspect.isfunction(function) or isinstance(each, property)):
            called = _signature(function).replace("(self, ", "(").replace("(self)", "()")
            lines += [f"`{name}.{method}{called}`: {text[0]}", *text[1:], ""]
    return lines


def _text(thing: Any) -> list[str]:
    return (inspect.getdoc(thing) or "").splitlines()


def _signature(thing: Any) -> str:
    """As it is called, without annotations: the docstring says what is meant."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def from_torch() -> str:
    """The table of torch's names as a page."""
    counts = Counter(row.kind for row in rows().values())
    head = ", ".join(f"{counts[kind]} {_KINDS[kind]}" for kind in CLASSES)
    lines = [
        "# From PyTorch",
        "",
        f"{len(rows())} names: {head}.",
        "",
        "Made from `framework/compat/torch_api.tsv` by `python -m framework docs`.",
        "`python -m framework port` rewrites a script by it; `framework.compat.torch` stands in for torch.",
        "",
        "| PyTorch | here | | arguments, theirs → ours | note |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows().values():
        renamed = [
            f"{each.theirs} → {each.ours}"
            for each in row.parsed()
            if each.ours not in ("", "-", "~", each.theirs)
        ]
        cells = (
            f"`{row.torch}`",
            f"`{row.ours}`" if row.ours else "",
            _KINDS[row.kind],
            ", ".join(renamed),
            row.note.replace("|", "\\|"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write() -> list[Path]:
    """Write the pages; returns their paths."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return [FOLDER / name for name in pages()]
