"""The append-only ledger of points, badges by rules, signed certificates."""
