"""The tasks, one folder each, and the standard-library loader for them. Imports nothing else of this project."""
