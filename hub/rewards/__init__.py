"""The append-only ledger of points."""
