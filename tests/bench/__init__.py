"""Measurements of the hub itself, run by `make bench`; results are kept under `results/` as JSON."""
