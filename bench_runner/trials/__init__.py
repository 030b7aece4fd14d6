"""Trials of the judge itself: how often it finds a difference that is not there, and one that is.

    python -m bench_runner aa         the same code on both sides: every "faster" or "slower" is false
    python -m bench_runner power      copies that do 1, 2, 3, 5, 10 % more work: how often they are told apart
    python -m bench_runner campaign   all of it, quiet and beside a busy process, with a table at the end

Not in charge of the rule that is tried (`stats.py`, `timing.py`). `exact-work/` is the task, with kernels of
1, 4 and 16 ms whose work comes in equal units; `judging.py` runs one job on it, through the real director,
sandbox and clock; `report.py` counts; `commands.py` repeats. One trial is one case judged.
"""
