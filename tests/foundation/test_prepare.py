"""From a bare machine to a usable virtual environment, with a sentence for whatever is in the way."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.services import prepare
from hub.services.instance import StartRefused
from hub.services.programs import ROOT
from hub.services.progress import Progress


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(out: io.StringIO) -> Progress:
    return Progress(time.monotonic(), out)


def test_a_terminal_that_was_closed_stops_nothing() -> None:
    nobody_reads, out = os.pipe()
    os.close(nobody_reads)
    terminal = os.fdopen(out, "w")
    Progress(time.monotonic(), terminal).say("Stopping …")
    with contextlib.suppress(OSError):  # what could not be written is still in it
        terminal.close()


def test_an_interpreter_below_a_private_home_is_not_for_strangers(tmp_path) -> None:
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    (private / "python3").touch()
    assert not prepare.reachable_by_all(private / "python3")
    assert prepare.reachable_by_all(Path("/usr/bin/env"))


def test_the_interpreter_found_is_new_enough() -> None:
    printed = subprocess.check_output(
        [prepare.find_interpreter(), "-c", "import sys; print(sys.version_info >= (3, 11))"]
    )
    assert printed == b"True\n"


def test_no_interpreter_names_the_cure(monkeypatch) -> None:
    monkeypatch.setattr(prepare, "_version", lambda python: ())
    with pytest.raises(StartRefused, match=r"apt-get install python3\.11"):
        prepare.find_interpreter()


def nothing_on_the_path(monkeypatch: pytest.MonkeyPatch, *but: str) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}" if name in but else None)


def test_what_is_missing_is_found_by_looking_for_it(monkeypatch) -> None:
    nothing_on_the_path(monkeypatch, "git", "gcc")
    missing = prepare.missing_packages(None, dev=True)
    assert {"bubblewrap", "g++", "util-linux", "chromium"} <= set(missing)
    assert not {"git", "gcc"} & set(missing)


def test_an_ordinary_user_is_told_the_command_and_goes_on(monkeypatch, progress, out) -> None:
    nothing_on_the_path(monkeypatch, "git", "gcc", "g++", "setpriv", "apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    prepare._system_packages(progress, None, dev=False)
    assert (
        "Missing on this machine: bubblewrap. Install them with: sudo sh -c 'apt-get update && "
        in out.getvalue()
    )


def test_a_machine_without_apt_is_told_the_names(monkeypatch, progress, out) -> None:
    nothing_on_the_path(monkeypatch, "git")
    prepare._system_packages(progress, None, dev=False)
    assert "(Debian's names)" in out.getvalue()


def test_without_git_nothing_can_start(monkeypatch, progress) -> None:
    nothing_on_the_path(monkeypatch)
    with pytest.raises(StartRefused, match="Nothing can start without git: install"):
        prepare._system_packages(progress, None, dev=False)


def test_root_installs_after_an_update(monkeypatch, progress) -> None:
    nothing_on_the_path(monkeypatch, "git", "gcc", "g++", "setpriv", "apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    ran: list[list[str]] = []
    monkeypatch.setattr(progress, "run", lambda command, environment: ran.append(command))
    prepare._system_packages(progress, None, dev=False)
    assert [command[1] for command in ran] == ["update", "install"]
    assert ran[1][-1] == "bubblewrap"
    assert "--no-install-recommends" in ran[1]


def test_a_failing_apt_is_reported_and_the_site_starts_all_the_same(monkeypatch, progress, out) -> None:
    nothing_on_the_path(monkeypatch, "git", "apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def refuse(command, environment):
        raise StartRefused("apt-get update -q\nended with status 100:\n    no network")

    monkeypatch.setattr(progress, "run", refuse)
    prepare._system_packages(progress, None, dev=False)
    assert "no network" in out.getvalue()
    assert "The judge needs these packages" in out.getvalue()


@pytest.fixture
def environment(monkeypatch, tmp_path) -> list[list[str]]:
    """A virtual environment folder without pip's work; the commands that would have done it."""
    monkeypatch.setattr(prepare, "STAMP", tmp_path / "touchstone.json")
    ran: list[list[str]] = []
    monkeypatch.setattr(Progress, "run", lambda self, command, environment=None: ran.append(list(command)))
    return ran


def test_the_lock_is_installed_by_hash_and_only_once(environment, progress) -> None:
    prepare._locked_packages(progress, Path("python"), dev=False)
    prepare._locked_packages(progress, Path("python"), dev=False)
    assert len(environment) == 1
    assert "--require-hashes" in environment[0]
    assert environment[0][-1] == str(prepare.RUNTIME_LOCK)


def test_a_changed_lock_is_installed_again(environment, progress) -> None:
    prepare.STAMP.write_text(json.dumps({"requirements.lock": "of another day"}))
    prepare._locked_packages(progress, Path("python"), dev=False)
    assert len(environment) == 1


def test_what_the_tests_need_covers_what_the_hub_needs(environment, progress) -> None:
    prepare._locked_packages(progress, Path("python"), dev=True)
    prepare._locked_packages(progress, Path("python"), dev=False)
    assert [command[-1] for command in environment] == [str(prepare.DEV_LOCK)]


def test_a_failed_command_shows_its_last_lines(progress) -> None:
    with pytest.raises(StartRefused, match=r"ended with status 7:\n    cannot reach it"):
        progress.run([sys.executable, "-c", "print('cannot reach it'); raise SystemExit(7)"])


def test_a_command_that_is_not_there_is_named(progress) -> None:
    with pytest.raises(StartRefused, match="/no/such/thing cannot be run"):
        progress.run(["/no/such/thing"])


@pytest.mark.slow
def test_a_long_silent_step_keeps_showing_that_it_lives(progress, out, monkeypatch) -> None:
    monkeypatch.setattr("hub.services.progress.QUIET_SECONDS", 0.1)
    progress.run([sys.executable, "-c", "import time; print('fetching', flush=True); time.sleep(1.3)"])
    assert "fetching" in out.getvalue()


def test_a_step_without_a_word_still_shows_that_it_lives(progress, out, monkeypatch) -> None:
    monkeypatch.setattr("hub.services.progress.QUIET_SECONDS", 0.1)
    progress.run([sys.executable, "-c", "import time; time.sleep(1.3)"])
    assert "(still at it)" in out.getvalue()


def test_a_step_says_how_long_it_took(progress, out) -> None:
    with progress.step("Counting"):
        pass
    assert "Counting …" in out.getvalue()
    assert "done in 0.0 s" in out.getvalue()


@pytest.mark.parametrize("port", ["abc", "-1", "80 80"])
def test_a_port_that_is_no_number_is_refused_before_anything_is_done(port) -> None:
    command = [sys.executable, str(ROOT / "hub" / "bootstrap.py"), "up", f"--port={port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "is no port: give a number, as in make up PORT=8001" in done.stderr


def test_the_bootstrap_needs_no_installed_package() -> None:
    """Run isolated from every site-packages folder, it gets as far as its own help."""
    command = [prepare.find_interpreter(), "-S", str(ROOT / "hub" / "bootstrap.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert "prepare" in done.stdout
