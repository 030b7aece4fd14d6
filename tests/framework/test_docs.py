"""The pages made from docstrings: every public name has one, and the pages are fresh."""

from __future__ import annotations

import importlib
import inspect

import pytest

from framework import docs


@pytest.mark.parametrize("path", docs.MODULES)
def test_every_public_name_has_a_docstring(path: str) -> None:
    module = importlib.import_module(path)
    found = docs.public(module)
    assert found or path == "framework.custom"
    assert [name for name, each in found.items() if not (inspect.getdoc(each) or "").strip()] == []


@pytest.mark.parametrize("name", ["api.md", "from-torch.md"])
def test_the_pages_are_fresh(name: str) -> None:
    text = (docs.FOLDER / name).read_text(encoding="utf-8")
    assert text == docs.pages()[name], "make them anew: python -m framework docs"
