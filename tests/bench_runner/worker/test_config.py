"""A worker's settings: a sentence per mistake, all of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_runner.config import Config
from bench_runner.errors import ConfigError

GOOD = {
    "HUB_URL": "http://hub:8000/",
    "REDIS_URL": "unix:///run/r.sock",
    "WORKER_TOKEN": "t0ken",
    "WORKER_NAME": "w-1",
}


def read(tmp_path: Path, **changed: str) -> Config:
    given = {**GOOD, "WORKER_DATA_DIR": str(tmp_path / "data"), **changed}
    return Config.from_environment({name: value for name, value in given.items() if value})


def test_good_settings_are_read(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.hub_url == "http://hub:8000"
    assert config.redis_url == "redis+socket:///run/r.sock"  # as Celery wants it
    assert (config.name, config.token, config.unsafe, config.card) == ("w-1", "t0ken", False, "")
    assert config.data_dir.is_dir()


def test_the_token_may_lie_in_a_file_and_is_never_printed(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    config = read(tmp_path, WORKER_TOKEN="", WORKER_TOKEN_FILE=str(tmp_path / "token"))
    assert config.token == "from-file"
    assert "from-file" not in repr(config)


def test_the_name_defaults_to_the_host(tmp_path: Path) -> None:
    assert read(tmp_path, WORKER_NAME="").name


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"HUB_URL": ""}, "HUB_URL='': an http or https address is needed"),
        ({"HUB_URL": "hub:8000"}, "HUB_URL='hub:8000': an http"),
        ({"REDIS_URL": "amqp://x"}, "REDIS_URL='amqp://x': redis://host"),
        ({"REDIS_URL": "http://u:secret@x"}, "REDIS_URL='http://…@x'"),
        ({"WORKER_TOKEN": ""}, "WORKER_TOKEN: a worker token is needed.*manage.py add_worker"),
        (
            {"WORKER_TOKEN": "", "WORKER_TOKEN_FILE": "/no/such"},
            "WORKER_TOKEN_FILE='/no/such': .*No such file",
        ),
        ({"WORKER_TOKEN_FILE": "/x"}, "both set: keep one"),
        ({"WORKER_NAME": "a b"}, "WORKER_NAME='a b': 1 to 63 letters"),
        ({"WORKER_CARD": "first"}, "WORKER_CARD='first': none, an index .* `nvidia-smi -L` lists them"),
        ({"WORKER_DATA_DIR": "/proc/x"}, "WORKER_DATA_DIR='/proc/x': cannot be made.*choose another"),
    ],
)
def test_each_mistake_has_its_sentence(tmp_path: Path, changed: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read(tmp_path, **changed)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match="HUB_URL") as caught:
        Config.from_environment({"WORKER_DATA_DIR": "/proc/x"})
    assert [line.split("=")[0].split(":")[0] for line in str(caught.value).splitlines()] == [
        "HUB_URL",
        "REDIS_URL",
        "WORKER_TOKEN",
        "WORKER_DATA_DIR",
    ]
