"""`python -m kernels list | build | bench | ladder`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

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
    build.add_argument(
        "--card", metavar="ARCH", help="only CUDA kernels, and only what such a card (sm_90a) runs"
    )
    build.add_argument("--in-package", action="store_true", help="beside the sources, for read-only mounts")
    for name, seconds, what in (
        ("bench", 1.5, "time operators beside NumPy and the peers that are installed"),
        ("ladder", 0.5, "time the versions of operators beside each other, and write the README's table"),
    ):
        timing = commands.add_parser(name, help=what)
        timing.add_argument("operators", nargs="*", help="only these")
        timing.add_argument("--seconds", type=float, default=seconds, help=f"per case; {seconds}")
        if name == "bench":
            timing.add_argument(
                "--threads", type=int, action="append", help="this number alone (may be repeated); 1 and all"
            )
            timing.add_argument("--data", type=Path, help="where the figures are kept: a file of the day")
    try:
        return _run(parser.parse_args(arguments))
    except KernelError as refused:
        print(f"python -m kernels: {refused}", file=sys.stderr)
        return 1


def _run(chosen: argparse.Namespace) -> int:
    from kernels import commands  # not before: `--help` needs no NumPy

    if chosen.command == "list":
        return commands.show(chosen.operators)
    if chosen.command == "build":
        return commands.build(chosen.level, in_package=chosen.in_package, card=chosen.card)
    from kernels.bench import run

    if chosen.command == "ladder":
        return run.ladder(chosen.operators, chosen.seconds)
    return run.bench(chosen.operators, chosen.seconds, chosen.threads, chosen.data)


if __name__ == "__main__":
    sys.exit(main())
