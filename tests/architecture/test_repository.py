"""Files beside the code: nothing of one machine in them, locks that pin all, documents that are true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, tracked

# Put together here, so that this file does not contain what it looks for.
REGISTRIES = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "docker" + ".io",
    "gh" + "cr.io",
    "qu" + "ay.io",
    "npm" + "js",
]
INDEX_OPTIONS = re.compile(r"--(extra-)?index-url[ =]\S|--find-links[ =]\S|PIP_INDEX_" + r"URL=\S")
OF_ONE_MACHINE = re.compile(r"(?<![\w.$}\"'])(/" + r"work/|/home/\w|/Users/\w)|\.\./" + "shared")
FREE_OF_PATHS = ("tests/", "tasks/")  # attacks name the paths that they try


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        try:
            found.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
        except (UnicodeDecodeError, FileNotFoundError):  # a picture; removed since the tests began
            continue
    return found


def test_no_file_names_a_registry() -> None:
    named = [(name, host) for name, text in texts() for host in REGISTRIES if host in text]
    named += [(name, found.group()) for name, text in texts() if (found := INDEX_OPTIONS.search(text))]
    assert named == []


def test_no_file_names_a_path_of_one_machine() -> None:
    named = [
        (name, found.group())
        for name, text in texts()
        if not name.startswith(FREE_OF_PATHS) and (found := OF_ONE_MACHINE.search(text))
    ]
    assert named == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_names_versions_and_hashes_and_nothing_else(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    entries = re.split(r"(?m)^(?=[a-z0-9])", re.sub(r"(?m)^ *#.*\n", "", text))
    for entry in filter(None, entries):
        assert re.match(r"[a-z0-9-]+==[^ ;]+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\s*$", entry), (
            entry
        )


def test_the_dev_lock_holds_all_that_the_hub_runs_on() -> None:
    pins = [set(re.findall(r"(?m)^[a-z0-9-]+==\S+", (ROOT / lock).read_text()))
            for lock in ("requirements.lock", "requirements-dev.lock")]  # fmt: skip
    assert pins[0] <= pins[1]


def test_every_runtime_dependency_is_locked() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[\w-]+", line).group().lower() for line in project["dependencies"]}  # type: ignore[union-attr]
    locked = set(re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text()))
    assert names <= locked


def targets() -> list[str]:
    return re.findall(r"(?m)^([a-z-]+):.*## ", (ROOT / "Makefile").read_text())


def test_every_make_target_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [target for target in targets() if f"make {target}" not in readme] == []


@pytest.mark.slow
def test_every_program_of_the_makefile_starts_without_the_sites_settings() -> None:
    programs = sorted({*re.findall(r"-m ([a-z_.]+)", (ROOT / "Makefile").read_text())} - {"pip", "pytest"})
    script = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    bare = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-c", script, *programs]
    done = subprocess.run(command, cwd=ROOT, env=bare, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_every_make_target_named_in_a_document_exists() -> None:
    named = {
        target
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
        for target in re.findall(r"`make ([a-z-]+)", (ROOT / name).read_text())
    }
    assert named <= {*targets(), "prepare", "prepare-dev"}


def paths_named(document: Path) -> set[str]:
    """What stands in backquotes and looks like a path of this repository."""
    words = re.findall(r"`([^`\s]+)`", document.read_text())
    return {
        word
        for word in words
        if "/" in word and re.fullmatch(r"[\w./*-]+", word) and not word.startswith(("/", "."))
    }


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "README.md"])
def test_every_path_in_a_document_exists(document: str) -> None:
    named = paths_named(ROOT / document)
    made_while_running = ("var/", "solutions/", "refs/", "origin/")
    missing = [path for path in sorted(named) if not path.startswith(made_while_running) and not exists(path)]
    assert missing == []


def exists(path: str) -> bool:
    """In the repository, or in a task folder, of which a recipe names the parts."""
    return any(ROOT.glob(path.rstrip("/"))) or any((ROOT / "tasks").glob(f"*/{path.rstrip('/')}"))


def test_the_contributing_guide_names_files_at_all() -> None:
    assert len(paths_named(ROOT / "CONTRIBUTING.md")) >= 20


def test_every_setting_is_in_the_readme() -> None:
    from tests.architecture.test_containers import variables_read

    readme = (ROOT / "README.md").read_text()
    read = variables_read(ROOT / "hub" / "settings.py") | variables_read(ROOT / "bench_runner" / "config.py")
    assert sorted(name for name in read if f"`{name}`" not in readme) == []
