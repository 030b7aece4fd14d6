"""Who hears of what, across apps: the lines that the flow says to people.

Not in charge of channels, of words nor of sending (`hub/notify`). Each function may be called again at any
time: a key names the fact, and nobody is told twice under one key.
"""

from __future__ import annotations
