"""Scenes that many tests begin with, played once a process and then put back: rows, repositories and all.

    @played_once
    def pushed(story: Story, cast: Cast) -> PatchSet:    a fixture, `pushed`, like those under @pytest.fixture
        return story.push(cast.alice)

Not in charge of what happens in a scene (`story.py`).

Theory of operation
- The first test that asks for a scene plays it in its own database and keeps every row, the repositories, and
  the result with its model instances by key. For later tests the rows are inserted anew, with all times moved
  on by what has passed since, so that a worker heard a second ago is one of a second ago.
- Everything in the database comes from the scene. So a test that asks for one gets `cast` and `story` from it
  as well (`opening` in `conftest.py`), and asks for no second one.
"""

from __future__ import annotations

import io
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Model

from hub.core import clock
from tests.hub.story import Story
from tests.people import Cast

Result = TypeVar("Result")
Play = Callable[[Story, Cast], Any]
PLAYS: dict[tuple[str, str], Play] = {}  # by the fixture's name and its module
NOT_OURS = ("admin", "auth", "contenttypes", "sessions", "sites")  # tables that a new database fills itself


def played_once(play: Play) -> Any:
    """Make a fixture of that name of what is played."""
    PLAYS[play.__name__, play.__module__] = play

    @pytest.fixture(name=play.__name__)
    def shown(opening: Opening) -> Any:
        return opening.result

    return shown


def play_of(request: pytest.FixtureRequest) -> Play | None:
    """The scene that a test asks for: of its own module, else of the conftest of its folder."""
    own = request.module.__name__
    places = (own, f"{own.rpartition('.')[0]}.conftest")
    found = [
        PLAYS[name, place] for name in request.fixturenames for place in places if (name, place) in PLAYS
    ]
    assert len(found) < 2, f"{request.node.nodeid} asks for several scenes"
    return found[0] if found else None


@dataclass(frozen=True)
class Opening:
    """What a test begins with."""

    cast: Cast
    story: Story
    result: Any


@dataclass(frozen=True)
class Kept:
    """A scene as it was when it had been played."""

    at: datetime
    rows: dict[type[Model], list[tuple[Any, ...]]]
    repositories: Path
    result: bytes


class Scenes:
    """All scenes of this process; repositories are kept below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, Kept] = {}

    def show(self, name: str, play: Callable[[], Result]) -> Result:
        """What `play` returns. The database must be empty and there must be no repository yet."""
        kept = self._kept.get(name)
        if kept is not None:
            return put_back(kept)  # type: ignore[no-any-return]
        result = play()
        self._kept[name] = keep(result, self._folder / str(len(self._kept)))
        return result


def keep(result: object, repositories: Path) -> Kept:
    shutil.copytree(settings.GIT_ROOT, repositories)
    rows = {
        model: list(model._base_manager.order_by("pk").values_list(*_columns(model))) for model in _models()
    }
    pickled = io.BytesIO()
    _Pickler(pickled).dump(result)
    return Kept(
        clock.now(),
        {model: found for model, found in rows.items() if found},
        repositories,
        pickled.getvalue(),
    )


def put_back(kept: Kept) -> Any:
    shutil.copytree(kept.repositories, settings.GIT_ROOT, dirs_exist_ok=True)
    passed = clock.now() - kept.at
    instances: dict[tuple[type[Model], Any], Model] = {}
    with transaction.atomic():  # keys between tables are looked at in the end
        for model, rows in kept.rows.items():
            made = [_instance(model, values, passed) for values in rows]
            model._base_manager.bulk_create(made)
            instances |= {(model, row.pk): row for row in made}
    return _Unpickler(io.BytesIO(kept.result), instances).load()


def _models() -> list[type[Model]]:
    every = apps.get_models(include_auto_created=True)
    return [model for model in every if model._meta.app_label not in NOT_OURS]


def _columns(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _instance(model: type[Model], values: tuple[Any, ...], passed: timedelta) -> Model:
    moved = [value + passed if isinstance(value, datetime) else value for value in values]
    return model.from_db(DEFAULT_DB_ALIAS, _columns(model), moved)


class _Pickler(pickle.Pickler):
    def persistent_id(self, thing: object) -> tuple[type[Model], Any] | None:
        return (type(thing), thing.pk) if isinstance(thing, Model) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, instances: dict[tuple[type[Model], Any], Model]) -> None:
        super().__init__(file)
        self._instances = instances

    def persistent_load(self, key: Any) -> Model:
        return self._instances[key]
