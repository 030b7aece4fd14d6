"""Which operators are tried in every run: some of each kind. CI tries them all.

Compiling takes most of the time of these tests, the first time on a machine.
"""

from __future__ import annotations

import pytest

from kernels.registry import operators

EVERY_RUN = {"layer_norm", "matmul", "softmax"}  # folders


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folders = {operator.name: operator.module.rpartition(".")[2] for operator in operators().values()}
    for item in items:
        stem = item.path.stem.removeprefix("test_")
        name = getattr(item, "callspec", None) and item.callspec.params.get("name")
        folder = stem if item.path.parent.name == "ops" else folders.get(str(name))
        if item.path.is_relative_to(__file__.rpartition("/")[0]) and folder and folder not in EVERY_RUN:
            item.add_marker("slow")
