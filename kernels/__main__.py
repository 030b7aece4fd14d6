"""`python -m kernels list | build`."""

from __future__ import annotations

import argparse
import sys

from kernels.errors import KernelError


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 1 where the package refuses it, with the reason."""
    parser = argparse.ArgumentParser(prog="python -m kernels", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="operators, their versions and dtypes")
    listing.add_argument("operators", nargs="*", help="only these")
    build = commands.add_parser(
        "build", help="compile every operator for every instruction-set level, ahead of time"
    )
    build.add_argument("--level", action="append", help="only these levels")
    build.add_argument("--in-package", action="store_true", help="beside the sources, for read-only mounts")
    chosen = parser.parse_args(arguments)
    from kernels import commands as run  # not before: `--help` needs no NumPy

    try:
        if chosen.command == "list":
            return run.show(chosen.operators)
        return run.build(chosen.level, in_package=chosen.in_package)
    except KernelError as refused:
        print(f"python -m kernels: {refused}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
