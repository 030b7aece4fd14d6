"""The doctor names each fault with its cure, and looks at everything even when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from hub.management.commands import doctor
from hub.services import embedded_redis, prepare, programs
from hub.services.instance import StartRefused


def run_doctor(data_dir: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **more}
    command = [sys.executable, "manage.py", "doctor", "--no-color"]
    return subprocess.run(
        command, cwd=programs.ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.slow
def test_a_machine_with_a_fault_is_looked_at_to_the_end(tmp_path) -> None:
    done = run_doctor(tmp_path, REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert "sqlite, still empty; filled by make up" in done.stdout
    assert "Redis at redis://127.0.0.1:1/0 does not answer" in done.stdout
    assert "does not run; start it with: make up" in done.stdout
    assert f" of {len(doctor.CHECKS)} checks found a fault." in done.stdout


@pytest.mark.slow  # loads every migration
def test_a_database_of_an_older_version_is_a_fault(db, settings) -> None:
    settings.MIGRATION_MODULES = {}  # those that the tests do without
    columns = "id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied TEXT"
    connection.cursor().execute(f"CREATE TABLE django_migrations ({columns})")
    graph, recorder = MigrationLoader(connection).graph, MigrationRecorder(connection)
    for node in set(graph.nodes) - set(graph.leaf_nodes("bench")):
        recorder.record_applied(*node)
    with pytest.raises(doctor.Fault, match=r"migrations are not applied\. Apply them with: make up"):
        doctor.database()


def test_an_interpreter_that_strangers_cannot_reach_is_a_fault(monkeypatch) -> None:
    monkeypatch.setattr(prepare, "reachable_by_all", lambda path: False)
    with pytest.raises(doctor.Fault, match=r"other accounts cannot enter.* make up"):
        doctor.python()


def test_missing_system_packages_come_with_the_command(monkeypatch) -> None:
    monkeypatch.setattr(prepare, "missing_packages", lambda base, dev: ["bubblewrap", "g++"])
    with pytest.raises(
        doctor.Fault, match=r"missing: bubblewrap, g\+\+. Install: apt-get install bubblewrap g\+\+"
    ):
        doctor.system_packages()


def test_packages_of_another_lock_are_a_fault(monkeypatch) -> None:
    monkeypatch.setattr(prepare, "installed", lambda dev: False)
    with pytest.raises(doctor.Fault, match=r"not those of requirements\.lock"):
        doctor.locked_packages()


def test_an_old_git_is_a_fault(monkeypatch) -> None:
    monkeypatch.setattr(doctor, "_output", lambda *command: "git version 2.30.2")
    with pytest.raises(doctor.Fault, match=r"2\.30\.2, older than 2\.38"):
        doctor.git()


def test_a_git_without_its_http_backend_is_a_fault(monkeypatch, tmp_path) -> None:
    said = {"--version": "git version 2.47.0", "--exec-path": str(tmp_path)}
    monkeypatch.setattr(doctor, "_output", lambda *command: said[command[1]])
    with pytest.raises(doctor.Fault, match="git-http-backend is missing"):
        doctor.git()


def test_a_full_disk_is_a_fault(monkeypatch, settings, tmp_path) -> None:
    settings.DATA_DIR = tmp_path
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(1, 1, 5 << 20))
    with pytest.raises(doctor.Fault, match="5 MB free: make room for at least 1024 MB"):
        doctor.data_folder()


def test_no_redis_to_start_is_a_fault(monkeypatch, settings) -> None:
    settings.REDIS_URL = embedded_redis.url(settings.DATA_DIR)

    def refuse() -> Path:
        raise StartRefused("No Redis-compatible server was found.")

    monkeypatch.setattr(embedded_redis, "find_binary", refuse)
    with pytest.raises(doctor.Fault, match="No Redis-compatible server was found"):
        doctor.redis()


@pytest.mark.parametrize("check", [doctor.python, doctor.git, doctor.site])
def test_what_is_well_is_described(check) -> None:
    assert check()
