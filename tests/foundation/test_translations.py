"""Catalogues are compiled when they are stale, and only then."""

from __future__ import annotations

import gettext
import os
from pathlib import Path

import pytest

from hub.services import translations
from hub.services.instance import StartRefused

PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "task"\nmsgstr "任务"\n'


@pytest.fixture
def po(tmp_path: Path) -> Path:
    path = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(PO)
    return path


def test_a_new_catalogue_is_compiled(po, tmp_path) -> None:
    assert translations.compile_stale(tmp_path) == [po.with_suffix(".mo")]
    with open(po.with_suffix(".mo"), "rb") as file:
        assert gettext.GNUTranslations(file).gettext("task") == "任务"


def test_a_compiled_catalogue_is_left_alone_until_its_source_changes(po, tmp_path) -> None:
    translations.compile_stale(tmp_path)
    assert translations.compile_stale(tmp_path) == []
    later = po.with_suffix(".mo").stat().st_mtime + 5
    os.utime(po, (later, later))
    assert translations.compile_stale(tmp_path) == [po.with_suffix(".mo")]


def test_a_broken_catalogue_is_named_and_the_old_one_stays(po, tmp_path) -> None:
    translations.compile_stale(tmp_path)
    before = po.with_suffix(".mo").read_bytes()
    po.write_text(PO + "this is no entry\n")
    later = po.with_suffix(".mo").stat().st_mtime + 5
    os.utime(po, (later, later))
    with pytest.raises(StartRefused, match=r"django.po: not a valid catalogue"):
        translations.compile_stale(tmp_path)
    assert po.with_suffix(".mo").read_bytes() == before
