"""`python -m bench_runner worker | doctor | fingerprint | aa | power | campaign`.

Not in charge of what the commands do; each imports only what it needs, so that they start quickly.
"""

from __future__ import annotations

import argparse
import json
import sys

from bench_runner.errors import JudgeError
from bench_runner.trials import options


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return _run(arguments)
    except JudgeError as error:
        print(error, file=sys.stderr)
        return 2


def worker() -> int:
    """The console script `touchstone-worker`: `python -m bench_runner worker` by a name of its own."""
    sys.argv[1:1] = ["worker"]
    return main()


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "worker":
        from bench_runner import worker

        return worker.main(unsafe=arguments.unsafe_no_sandbox)
    if arguments.command == "doctor":
        from bench_runner import doctor

        return doctor.calibrate() if arguments.calibrate else doctor.main()
    if arguments.command in options.COMMANDS:
        from bench_runner.trials import commands
        from tasks.model import TaskError

        try:
            return commands.run(arguments)
        except TaskError as error:
            print(error, file=sys.stderr)
            return 2
    from bench_runner import config, fingerprint

    found = fingerprint.machine(config.data_dir())
    print(json.dumps({"hardware_class": found.hardware_class, **found.fingerprint()}, indent=2))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench_runner", description="The judge of Touchstone.")
    commands = parser.add_subparsers(dest="command", required=True)
    worker = commands.add_parser("worker", help="take jobs from the hub; settings come from the environment")
    worker.add_argument(
        "--unsafe-no-sandbox",
        action="store_true",
        help="run code without a sandbox: only code that you trust, on your own machine; nothing is ranked",
    )
    doctor = commands.add_parser(
        "doctor", help="test what this machine needs to run strangers' code, name every cure"
    )
    doctor.add_argument(
        "--calibrate",
        action="store_true",
        help="instead: measure this machine's peaks and bandwidths, print them, keep them for its workers",
    )
    commands.add_parser("fingerprint", help="show the hardware class and what this machine can do at best")
    options.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
