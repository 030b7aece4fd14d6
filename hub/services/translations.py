"""Compiles the catalogues under `locale/` that are older than their sources. Needs Babel, not gettext.

Not in charge of the words in them, nor of choosing a language (Django does). Run alone: `python -m
hub.services.translations`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hub.services.instance import StartRefused
from hub.services.programs import ROOT


def compile_stale(locale_dir: Path = ROOT / "locale") -> list[Path]:
    """Write each `.mo` that is missing or older than its `.po`; the paths written."""
    stale = [po for po in sorted(locale_dir.glob("*/LC_MESSAGES/*.po")) if _stale(po, po.with_suffix(".mo"))]
    for po in stale:
        _compile(po, po.with_suffix(".mo"))
    return [po.with_suffix(".mo") for po in stale]


def _stale(po: Path, mo: Path) -> bool:
    return not mo.exists() or mo.stat().st_mtime_ns < po.stat().st_mtime_ns


def _compile(po: Path, mo: Path) -> None:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import PoFileError, read_po

    try:
        with open(po, "rb") as source:
            catalogue = read_po(source, abort_invalid=True)
    except PoFileError as error:
        raise StartRefused(f"{po}: not a valid catalogue: {error}") from error
    fresh = mo.with_suffix(
        f".{os.getpid()}.new"
    )  # renamed when whole: a running site may be reading the old one
    with open(fresh, "wb") as file:
        write_mo(file, catalogue)
    fresh.replace(mo)


if __name__ == "__main__":
    for written in compile_stale():
        print(f"compiled {written.relative_to(ROOT)}", file=sys.stderr)
