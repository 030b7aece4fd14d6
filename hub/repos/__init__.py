"""Bare repositories and the git door. The only place that runs git."""
