"""The Redis of `make up` keeps what it was given, in any folder, and is never root."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from hub.services import embedded_redis
from hub.services.instance import StartRefused
from hub.services.supervisor import Supervisor


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    made = Supervisor(say=print)
    yield made
    made.stop()


def start(supervisor: Supervisor, data_dir: Path) -> redis.Redis:
    supervisor.start(embedded_redis.program(data_dir, data_dir / "log"))
    embedded_redis.wait_ready(embedded_redis.url(data_dir))
    return redis.Redis.from_url(embedded_redis.url(data_dir), decode_responses=True)


def test_it_answers_in_a_folder_that_no_other_account_can_enter(supervisor, tmp_path) -> None:
    tmp_path.chmod(0o700)
    assert start(supervisor, tmp_path).ping()


def test_it_keeps_a_log_and_drops_nothing_when_full(supervisor, tmp_path) -> None:
    settings = start(supervisor, tmp_path).config_get("*")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["save"] == ""
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["port"] == "0"


@pytest.mark.slow
def test_what_was_queued_survives_a_kill(supervisor, tmp_path) -> None:
    client = start(supervisor, tmp_path)
    client.lpush("bench.cpu", "job 1", "job 2")
    time.sleep(1.2)  # the log is flushed once a second
    os.kill(client.info("server")["process_id"], signal.SIGKILL)
    supervisor.watch(until=lambda: supervisor.ends("redis") == 1)
    deadline = time.monotonic() + 10
    supervisor.watch(until=lambda: time.monotonic() > deadline or _answers(tmp_path))
    assert client.lrange("bench.cpu", 0, -1) == ["job 2", "job 1"]


def _answers(data_dir: Path) -> bool:
    try:
        embedded_redis.wait_ready(embedded_redis.url(data_dir), seconds=0.0)
    except StartRefused:
        return False
    return True


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user is not root to begin with")
def test_started_by_root_it_runs_as_its_own_account(supervisor, tmp_path) -> None:
    pid = start(supervisor, tmp_path).info("server")["process_id"]
    status = Path(f"/proc/{pid}/status").read_text()
    uid = embedded_redis.REDIS_UID
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n" in status
    assert (tmp_path / "redis").stat().st_uid == uid


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user is not root to begin with")
def test_its_folder_cannot_lead_root_to_change_the_owner_of_other_files(tmp_path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("root's")
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "trap").symlink_to(precious)
    embedded_redis.program(tmp_path, tmp_path / "log")
    assert precious.stat().st_uid == 0


def test_a_long_path_gets_a_short_private_socket(supervisor, tmp_path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    socket = embedded_redis.socket_path(deep)
    assert len(str(socket)) <= embedded_redis.SOCKET_PATH_LIMIT
    assert start(supervisor, deep).ping()
    assert socket.parent.stat().st_mode & 0o077 == 0
    supervisor.stop()
    socket.parent.rmdir()


def test_a_short_socket_folder_of_somebody_else_is_refused(tmp_path) -> None:
    deep = tmp_path / ("e" * 100)
    deep.mkdir()
    folder = embedded_redis.socket_path(deep).parent
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    try:
        with pytest.raises(StartRefused, match="belongs to somebody else"):
            embedded_redis.program(deep, deep / "log")
    finally:
        folder.rmdir()


def test_a_server_that_never_answers_is_named(tmp_path) -> None:
    with pytest.raises(StartRefused, match=r"Redis at unix:///.* does not answer"):
        embedded_redis.wait_ready(embedded_redis.url(tmp_path), seconds=0.0)


def test_no_server_at_all_names_the_cure(monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(StartRefused, match="apt-get install redis-server"):
        embedded_redis.find_binary()
