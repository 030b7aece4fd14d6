"""A wrong value of a setting is one sentence, which names it and says what to give."""

from __future__ import annotations

import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from hub.services.programs import ROOT

WRONG = {
    "DATA_DIR": ("/proc/nowhere", "cannot hold the hub's data"),
    "DATABASE_URL": ("mysql://someone:secret@host/hub", "give postgres://user:password@host/name"),
    "DEMO": ("maybe", "give 1 or 0"),
    "EMAIL_URL": ("mail.example.org", "give smtp://user:password@host:587"),
    "LOG_FORMAT": ("xml", "give line .* or json"),
    "OAUTH_PROVIDERS": ("facebook", "choose among github"),
    "REDIS_URL": ("http://:secret@host", "give redis://:password@host:6379/0"),
    "SECRET_KEY": ("short", "at least 32 random ones"),
    "SITE_PROCESSES": ("0", "give a number from 1"),
    "SITE_URL": ("hub.example.org", "give scheme and host"),
    "TASKS_DIR": ("/nowhere", "is no folder"),
    "TRUSTED_PROXIES": ("-1", "give the number of your own proxies"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_by_name_with_what_to_give(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    value, sentence = WRONG[name]
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=sentence) as refused:
        runpy.run_path(str(ROOT / "hub" / "settings.py"))
    assert name in str(refused.value)
    assert "secret@" not in str(refused.value)


def test_a_command_says_the_sentence_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "SITE_URL": "hub.example.org"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert (
        done.stderr == "SITE_URL='hub.example.org': give scheme and host, such as https://hub.example.org\n"
    )


def test_what_the_hub_keeps_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "accounts", "0001", "--verbosity", "0"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(folder)},
        check=True,
        umask=0o022,
    )
    assert folder.stat().st_mode & 0o777 == 0o700
    made = [path for path in folder.rglob("*") if path.name.startswith(("db.sqlite3", "secret"))]
    assert len(made) > 2
    assert not [path for path in made if path.stat().st_mode & 0o077]


@pytest.mark.slow
def test_a_database_that_says_nothing_is_named_soon(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = subprocess.run(
            [sys.executable, "manage.py", "doctor"],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DATA_DIR": str(tmp_path),
                "DATABASE_URL": f"postgres://someone:secret@127.0.0.1:{silent.getsockname()[1]}/hub",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=25,
        )
    assert "Check DATABASE_URL." in done.stdout + done.stderr
    assert "secret" not in done.stdout + done.stderr
