"""What judging costs, measured by `make bench` and `make bench-judge`; results are kept in `results/`."""
