"""Tasks and their immutable revisions."""
