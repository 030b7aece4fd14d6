"""Refusals: one class for each kind of "no" that an action can say.

Refusal
├── NotAllowed      the person may not do this
├── NotNow          right person, wrong moment: the state has moved on
└── BadInput        what was given does not fit

The text is for people and already translated: what was wrong with the value, what is allowed, what to do.
"""

from __future__ import annotations


class Refusal(Exception):
    """An action that was not carried out; nothing was changed."""


class NotAllowed(Refusal):
    """The person may not do this."""


class NotNow(Refusal):
    """The state has moved on since the page was shown."""


class BadInput(Refusal):
    """What was given does not fit."""
