"""The tasks, one folder each, and the loader for them. Imports nothing else of this project."""
