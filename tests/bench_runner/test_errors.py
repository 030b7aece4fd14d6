"""The drawing on top of errors.py shows the classes as they are."""

from __future__ import annotations

import inspect
import re

from bench_runner import errors


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    ((?:[│ ]   )*)(?:[├└]── )?([A-Z]\w+)", line):
            depth = len(found[1]) // 4 + ("── " in line)
            path = [*path[:depth], found[2]]
            drawn[found[2]] = path[-2] if depth else "Exception"
    classes = {
        name: item.__bases__[0].__name__
        for name, item in inspect.getmembers(errors, inspect.isclass)
        if item.__module__ == errors.__name__
    }
    assert drawn == classes
