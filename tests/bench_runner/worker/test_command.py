"""`python -m bench_runner …`: what it prints, and its exit status."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest

from bench_runner import __main__, worker
from bench_runner.__main__ import main
from tests.architecture.tree import ROOT


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench_runner", *words])
    return main()


def test_a_worker_without_settings_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("HUB_URL", "REDIS_URL", "WORKER_TOKEN", "WORKER_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORKER_DATA_DIR", str(tmp_path))
    assert run(monkeypatch, "worker") == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split("=")[0].split(":")[0] for line in said] == ["HUB_URL", "REDIS_URL", "WORKER_TOKEN"]


@pytest.mark.slow  # measures the machine
def test_the_fingerprint_is_shown_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("WORKER_DATA_DIR", str(tmp_path))
    assert run(monkeypatch, "fingerprint") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["hardware_class"].startswith("cpu-")
    assert shown["bandwidth"] > 0


def test_an_unknown_command_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, "judge")
    assert "worker" in capsys.readouterr().err


def test_the_console_script_is_the_command_by_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"touchstone-worker": "bench_runner.__main__:worker"}
    started: list[bool] = []
    monkeypatch.setattr(worker, "main", lambda *, unsafe: started.append(unsafe) or 3)
    monkeypatch.setattr("sys.argv", ["touchstone-worker", "--unsafe-no-sandbox"])
    assert __main__.worker() == 3
    assert started == [True]
