"""Demo mode: people with public passwords, the tasks' examples on the boards, and the walk of `make demo`."""
