"""`python -m framework`: port a script of torch's, write the documentation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from framework import docs
from framework.compat.port import port
from framework.errors import FrameworkError


def main() -> int:
    """0: all was ported; 1: something is left to do by hand; 2: there was nothing to port."""
    parser = argparse.ArgumentParser(prog="python -m framework", description=__doc__)
    commands = parser.add_subparsers(required=True)
    porting = commands.add_parser(
        "port", help="rewrite a script for torch, and tell what is left to do by hand"
    )
    porting.add_argument("file", type=Path, help="the script")
    porting.add_argument("-o", "--output", type=Path, help="where to write (else: to standard output)")
    commands.add_parser("docs", help="write the pages under docs/framework/").set_defaults(file=None)
    given = parser.parse_args()
    if given.file is None:
        print(*docs.write(), sep="\n")
        return 0
    try:
        found = port(given.file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, FrameworkError) as fault:
        print(f"{given.file}: {fault}", file=sys.stderr)
        return 2
    if given.output:
        given.output.write_text(found.text, encoding="utf-8")
    else:
        print(found.text, end="")
    for remark in found.remarks:
        print(f"{given.file}:{remark.line}: {remark.text}", file=sys.stderr)
    return 1 if found.remarks else 0


if __name__ == "__main__":
    sys.exit(main())
