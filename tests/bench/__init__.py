"""Measurements of hub and judge: `make bench`, `make bench-judge`. Results are kept under `results/` as JSON."""
