"""Breaks everything around the judge while it works, and counts what became of every job.

run.py       the run: pushes, faults paced by progress, the account at the end
faults.py    each kind of fault: how it is done to the hub, and which attempts it hit
wire.py      the line between everybody and the site: cuts, doubles, holds back
ledger.py    what was done, what became of the jobs hit; printed, and kept as data
checks.py    what must hold at the end
settings.py, worker.py   hub and worker as they are, with shorter times
task/        a task that is judged in a moment

`make chaos` runs 500 jobs (`python -m tests.chaos`), `tests/flow/test_nothing_is_lost.py` forty.
"""
