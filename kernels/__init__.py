"""Operators with a float64 oracle, a CPU and a GPU implementation each. Knows nothing of the site."""
