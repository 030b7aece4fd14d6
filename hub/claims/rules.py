"""The defaults of claiming, in one place: how many, how long, when a claim lapses.

Not in charge of applying them (`actions.py`).
"""

from __future__ import annotations

from datetime import timedelta

ACTIVE_MOST = 2  # claims on slots that one person holds at a time; `open` tasks do not count
FIRST_PUSH = timedelta(days=7)
FIRST_PUSH_WARNING = timedelta(days=5)
IDLE_WARNING = timedelta(days=14)
IDLE_RELEASE = timedelta(days=21)
EXTENSION = timedelta(days=14)  # once, by oneself
COOL_DOWN = timedelta(days=7)  # before the same task is claimed again after release or expiry
# Whoever lets several claims lapse gets one at a time for a while.
EXPIRIES_MOST = 3
EXPIRIES_WITHIN = timedelta(days=90)
EXPIRIES_PENALTY = timedelta(days=30)
PROPOSAL_SHORTEST = 40  # characters
PROPOSAL_LONGEST = 8000
NOTE_LONGEST = 4000  # characters of an answer or of a note on release; the rest is cut
