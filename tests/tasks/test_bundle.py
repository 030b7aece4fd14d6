"""A bundle holds safe names only, and becomes a folder without following anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import bundle


@pytest.mark.parametrize(
    "name",
    [
        "../up.c",
        "/etc/passwd",
        "a/../b",
        "a//b",
        "",
        ".",
        "a/",
        "-o",
        "a b",
        "new\nline",
        "a\\b",
        "naïve.c",
        "x\x00",
    ],
)
def test_an_unsafe_name_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(bundle.UnsafeName, match="is not allowed; use letters, digits"):
        bundle.write_files({"good.c": b"", name: b""}, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@settings(deadline=None)
@given(st.text(max_size=30))
def test_an_accepted_name_stays_below_its_folder(name: str) -> None:
    try:
        bundle.check_name(name)
    except bundle.UnsafeName:
        return
    assert os.path.normpath(os.path.join("/root", name)) == f"/root/{name}"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["Fast.h", "fast.h"], "'Fast.h' and 'fast.h' differ by case only; rename one of them"),
        (["a", "a/b"], "'a' is also the name of a folder; rename one of them"),
        (["a" * 201], "longer than 200 characters or deeper than 8 levels; shorten it"),
        (["/".join("abcdefghi")], "longer than 200 characters or deeper than 8 levels; shorten it"),
    ],
)
def test_names_that_collide_or_run_long_are_refused(names: list[str], sentence: str) -> None:
    with pytest.raises(bundle.UnsafeName, match=sentence):
        bundle.check_names(dict.fromkeys(names, b""))


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    files = {"solution.c": b"int x;\n", "deep/er/fast.h": b"\x00\xff"}
    bundle.write_files(files, tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "left.pyc").write_bytes(b"by python")
    assert bundle.read_folder(tmp_path) == files


def test_an_existing_file_or_link_is_never_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "solution.c").symlink_to(outside)
    with pytest.raises(FileExistsError, match=r"solution\.c"):
        bundle.write_files({"solution.c": b"x"}, tmp_path / "folder")
    assert not outside.exists()


def test_a_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").symlink_to("/etc/passwd")
    with pytest.raises(
        bundle.UnsafeName, match="secret: neither a file nor a folder; put a copy of the file there"
    ):
        bundle.read_folder(tmp_path)


def test_a_part_of_a_bundle_has_its_prefix_taken_off() -> None:
    files = {"baseline/solution.c": b"1", "baseline2/x": b"2", "baseline": b"3"}
    assert bundle.under(files, "baseline") == {"solution.c": b"1"}
