"""`python -m tests.on_postgres [pytest arguments]`: the same tests, on a PostgreSQL started for them."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.postgres import PostgresMissing, server


def main(arguments: list[str]) -> int:
    try:
        with server() as url:
            environment = {**os.environ, "DATABASE_URL": url}
            return subprocess.run(
                [sys.executable, "-m", "pytest", "--migrations", *arguments], env=environment, check=False
            ).returncode
    except PostgresMissing as missing:
        print(missing, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
