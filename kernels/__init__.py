"""Operators with a float64 oracle, a CPU and a GPU implementation each. Useful alone; knows nothing of the site."""
