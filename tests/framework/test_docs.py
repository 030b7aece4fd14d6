"""The pages made from docstrings: every public name has one, and the pages are fresh."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from framework import docs


@pytest.mark.parametrize("path", docs.MODULES)
def test_every_public_name_has_a_docstring(path: str) -> None:
    module = importlib.import_module(path)
    found = docs.public(module)
    assert found or path == "framework.custom"
    assert [name for name, each in found.items() if not (inspect.getdoc(each) or "").strip()] == []


SAID = {
    "shapes": r"[Ss]hape|→|\([a-z…]+,|broadcast|dimension|ax[ei]s|size|element",
    "dtypes": r"dtype|float|int64|integer|bool|complex|uint64",
    "errors": r"[Rr]aise",
    "a source": r"Array API|torch|MindSpore|jax|numpy|NumPy|Source|Philox|[12][90]\d\d",
}
# What operators return or are told with is no operator.
RECORDS = {"CustomRegOp", "EighResult", "QRResult", "SVDResult", "SlogdetResult"}


@pytest.mark.parametrize("path", [f"framework.{m}" for m in ("ops", "ops.linalg", "ops.fft", "nn", "optim")])
def test_operators_cells_and_optimisers_tell_shapes_dtypes_errors_and_source(path: str) -> None:
    for name, each in docs.public(importlib.import_module(path)).items():
        text = (inspect.getdoc(each) or "") + (inspect.getdoc(getattr(each, "construct", None)) or "")
        said = " ".join(text.split())
        lacking = [what for what, words in SAID.items() if not re.search(words, said)]
        assert name in RECORDS or lacking == [], name


def test_the_page_has_the_methods_of_classes_too() -> None:
    page = docs.api()
    for text in (
        "`Tensor.item()`: The only element",
        "`Model.fit(epoch, train_dataset",
        "`Cell.state_dict()`",
    ):
        assert text in page


@pytest.mark.parametrize("name", ["api.md", "from-torch.md"])
def test_the_pages_are_fresh(name: str) -> None:
    text = (docs.FOLDER / name).read_text(encoding="utf-8")
    assert text == docs.pages()[name], "make them anew: python -m framework docs"
