"""The worker with shorter times: `python -m tests.chaos.worker worker`. Nothing else is changed."""

from __future__ import annotations

import sys
from datetime import timedelta

from bench_runner import contract
from tests.chaos import times

contract.JOB_TIME_LIMIT = timedelta(seconds=times.JOB_SECONDS)  # before anything is derived from it

from bench_runner import __main__ as program  # noqa: E402
from bench_runner import fitness, presence, reporter  # noqa: E402

fitness.FIRST_REST, fitness.LONGEST_REST = times.REST_SECONDS, 2 * times.REST_SECONDS
presence.HELLO_SECONDS = times.HELLO_EVERY_SECONDS
reporter.QUIET_SECONDS = times.BEAT_EVERY_SECONDS

if __name__ == "__main__":
    sys.exit(program.main())
