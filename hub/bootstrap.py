"""From a fresh clone to a running hub: interpreter, system packages, `.venv`, then `manage.py up`.

Not in charge of anything that needs an installed package: this file and what it imports of `hub.services`
use the standard library alone, and run under whatever python3 is on the PATH.

    python3 hub/bootstrap.py up [--host HOST] [--port PORT]     prepare, then start everything
    python3 hub/bootstrap.py prepare [--dev]                    prepare only; --dev adds what the tests need
"""

from __future__ import annotations

import argparse
import os
import sys
import time

STARTED = time.monotonic()
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[0] = ROOT  # a script's own folder comes first by default: `hub/celery.py` would hide the real Celery

if sys.version_info < (3, 11):  # noqa: UP036  # the sentence is for those who try with an older one
    for _newer in ("/usr/bin/python3", *(f"/usr/bin/python3.{minor}" for minor in range(15, 10, -1))):
        if os.path.realpath(_newer) != os.path.realpath(sys.executable) and os.access(_newer, os.X_OK):
            os.execv(_newer, [_newer, os.path.abspath(__file__), *sys.argv[1:]])  # noqa: S606
    sys.exit(
        "Touchstone needs Python 3.11 or newer; {} is {}.{}. "
        "Install one (apt-get install python3.11) and run make again.".format(
            sys.executable, *sys.version_info[:2]
        )
    )

from hub.services import instance, prepare, programs, progress  # noqa: E402  # the path had to be set first


def main() -> int:
    options = _options()
    say = progress.Progress(STARTED)
    try:
        if options.what == "prepare":
            prepare.everything(say, dev=options.dev)
            return 0
        place = programs.place(options.host, options.port)
        found = instance.running(place.run_dir)
        if found is not None:
            print(instance.AlreadyRunning(found))
            return 0
        instance.require_free_port(place.host, place.port)
        python = prepare.everything(say, dev=False)
    except instance.StartRefused as refusal:
        print(f"\n{refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again: what is done is kept.", file=sys.stderr)
        return 130
    arguments = ["up", "--host", place.host, "--port", str(place.port), "--since", str(STARTED)]
    command = [str(python), os.path.join(ROOT, "manage.py"), *arguments]
    os.execve(python, command, place.environment())  # noqa: S606  # becomes the hub: no shell is wanted


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 hub/bootstrap.py")
    commands = parser.add_subparsers(dest="what", required=True)
    up = commands.add_parser("up", help="prepare, then start everything")
    up.add_argument("--host", default="127.0.0.1")
    up.add_argument("--port", type=_port, default=8000)
    preparing = commands.add_parser("prepare", help="prepare only")
    preparing.add_argument("--dev", action="store_true", help="also what the tests need")
    return parser.parse_args()


def _port(given: str) -> int:
    if not given.isdecimal():
        raise argparse.ArgumentTypeError(f"{given!r} is no port: give a number, as in make up PORT=8001")
    return int(given)


if __name__ == "__main__":
    sys.exit(main())
