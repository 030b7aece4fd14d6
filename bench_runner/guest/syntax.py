"""Byte-compile Python sources and say what is wrong with them. Runs inside the build sandbox; executes none
of it.

Not in charge of whether they work. Arguments: a folder, then the names of the files in it. Exit status 1: a
file does not compile, and stderr holds Python's own words.
"""

from __future__ import annotations

import os
import sys
import traceback

REFUSED = 1


def main(folder: str, names: list[str]) -> int:
    status = 0
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            source = file.read()
        try:
            compile(source, name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            print("".join(traceback.format_exception_only(error)).rstrip(), file=sys.stderr)
            status = REFUSED
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
