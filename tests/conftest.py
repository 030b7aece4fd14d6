"""What every test gets, whatever it tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_django

from hub.services import translations
from tests.live import live_site, served_site

__all__ = ["live_site", "served_site"]  # a site over HTTP, for whoever asks for it


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # once, not in every xdist worker
        translations.compile_stale()


@pytest.fixture(autouse=True)
def _repositories_of_its_own(settings: pytest_django.Settings, tmp_path: Path) -> None:
    """No test sees the bare repositories of another."""
    settings.GIT_ROOT = tmp_path / "git"
