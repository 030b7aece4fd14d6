"""Imports that are written as strings obey the same layers as those that are not."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.spec import load_folder
from tests.architecture.tree import ROOT, hub_ranks, imports, parsed, python_files, tracked

RELATIONS = {"ForeignKey", "OneToOneField", "ManyToManyField"}
BY_LABEL = {"get_model", "get_app_config"}  # apps.get_model("pulls", "PatchSet")


def part_of(path: Path) -> str:
    return path.relative_to(ROOT / "hub").parts[0].removesuffix(".py")


def labels_named(path: Path) -> Iterator[tuple[str, int]]:
    """App labels that a file names in strings, with the line."""
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        targets = [*node.args[:1], *(k.value for k in node.keywords if k.arg in {"to", "through"})]
        for target in targets if name in RELATIONS | BY_LABEL else []:
            text = target.value if isinstance(target, ast.Constant) else None
            if isinstance(text, str) and (name in BY_LABEL or "." in text):
                yield text.split(".")[0], target.lineno
        if name in {"swappable_dependency"}:
            yield "accounts", node.lineno


def migration_dependencies(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in {
            "dependencies",
            "run_before",
        }:
            for pair in ast.walk(node.value):
                if isinstance(pair, ast.Tuple) and isinstance(pair.elts[0], ast.Constant):
                    yield str(pair.elts[0].value), pair.lineno


@pytest.mark.parametrize("path", python_files("hub"), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_string_reaches_up_the_layers(path: Path) -> None:
    ranks = hub_ranks()
    own = ranks.get(part_of(path))
    named = [*labels_named(path), *(migration_dependencies(path) if "migrations" in path.parts else [])]
    for label, line in named:
        if own is None or label not in ranks:
            continue
        assert ranks[label] > own or label == part_of(path), (
            f"{path.relative_to(ROOT)}:{line} names {label!r}, which is not below {part_of(path)!r}"
        )


def test_every_app_of_ours_has_a_layer() -> None:
    apps = {
        path.parent.name
        for path in tracked()
        if path.name == "apps.py" and path.parent.parent == ROOT / "hub"
    }
    assert apps <= set(hub_ranks())


def task_modules() -> list[Path]:
    """The modules of task folders, whose hyphenated names no import contract can hold."""
    return [path for path in python_files("tasks") if path.parent != ROOT / "tasks"]


def libraries_for(path: Path) -> set[str]:
    """What a bundled submission may import besides: of ours what its task allows; for show what it ports."""
    below = path.relative_to(ROOT / "tasks").parts
    given = next((at for at, name in enumerate(below) if name in {"baseline", "examples", "starter"}), None)
    if given is None:
        return set()
    task = load_folder(ROOT / "tasks" / Path(*below[:given]))
    by_name = {
        "torch_version.py": {"torch", "safetensors"},
        "solution_cupy.py": {"cupy", "framework", "kernels"},
    }
    return {*task.entry.libraries, *by_name.get(path.name, ())}


@pytest.mark.parametrize("path", task_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_task_folder_imports_numpy_and_the_standard_library_alone(path: Path) -> None:
    # ml_dtypes gives NumPy bfloat16, for the inputs of tasks that are in it.
    allowed = sys.stdlib_module_names | {"numpy", "ml_dtypes"} | libraries_for(path)
    foreign = {name for name in imports(path) if name.split(".")[0] not in allowed}
    assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}: an oracle stands on its own"


STANDARD_LIBRARY_ONLY = ("bench_runner/contract.py", "tasks/spec.py")


@pytest.mark.parametrize("module", STANDARD_LIBRARY_ONLY)
def test_what_both_sides_share_loads_without_any_package(module: str) -> None:
    name = module.removesuffix(".py").replace("/", ".")
    command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {name}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_git_is_run_and_read_by_the_repository_app_alone() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in python_files("hub")
        if any(name.split(".")[0] in {"git", "gitdb"} for name in imports(path))
    }
    assert all(user.startswith("hub/repos/") for user in users), users


def test_no_app_uses_django_signals() -> None:
    users = [
        path for path in python_files("hub") if any("signals" in name.split(".") for name in imports(path))
    ]
    assert users == [], "a step across apps is a line in hub/flow.py"
