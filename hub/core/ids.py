"""Names and tokens: what is allowed in them, and how tokens are made and compared."""

from __future__ import annotations

import hashlib
import re
import secrets

USERNAME = re.compile(r"[a-z0-9][a-z0-9-]{1,31}")
TOPIC = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
SHA = re.compile(r"[0-9a-f]{40}")


def new_token(prefix: str) -> str:
    """A secret with 256 bits of chance; the prefix lets people and scanners tell what leaked."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def token_digest(token: str) -> str:
    """What is stored in place of the token. Tokens are random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
