"""What people decide about verdicts: rulings, appeals, re-judge sets; and what looks like whose work."""
