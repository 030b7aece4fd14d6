"""The syntax check of Python submissions says what is wrong, in Python's words, and runs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_runner.guest import syntax


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"def f(:\n    pass\n", "SyntaxError: invalid syntax"),
        (b"x = '\xff'\n", "SyntaxError: (unicode error) 'utf-8' codec"),
        (b"x = 1\0\n", "source code string cannot contain null bytes"),
        (b"(" * 5000, "too many nested parentheses"),
        (b"  x = 1\n", "IndentationError: unexpected indent"),
    ],
)
def test_a_source_that_does_not_compile_is_refused_in_pythons_words(
    source: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "solution.py").write_bytes(source)
    assert syntax.main(str(tmp_path), ["solution.py"]) == syntax.REFUSED
    assert words in capsys.readouterr().err


def test_the_file_and_line_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "help.py").write_text("x = 1\n")
    (tmp_path / "solution.py").write_text("x = 1\ndef f(:\n")
    assert syntax.main(str(tmp_path), ["help.py", "solution.py"]) == syntax.REFUSED
    assert 'File "solution.py", line 2' in capsys.readouterr().err


def test_nothing_of_the_source_runs(tmp_path: Path):
    (tmp_path / "solution.py").write_text("raise SystemExit(3)\n")
    assert syntax.main(str(tmp_path), ["solution.py"]) == 0
