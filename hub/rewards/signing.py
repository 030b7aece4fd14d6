"""The hub's signature on certificates: Ed25519 (RFC 8032), as everybody's OpenSSL verifies it.

The private key is made when it is first wanted, in DATA_DIR/secrets, readable by its owner alone. It is never
in the database: who can write certificates there cannot sign them. Whoever moves the hub takes that folder
along; without it, later certificates are signed by another key, and earlier ones verify by the old one alone.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings


def sign(statement: str) -> str:
    """The signature of these bytes (UTF-8) in base64."""
    return base64.b64encode(_private_key().sign(statement.encode())).decode()


def is_genuine(statement: str, signature: str) -> bool:
    """Whether this hub's key signed exactly this."""
    try:
        public_key().verify(base64.b64decode(signature), statement.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key() -> Ed25519PublicKey:
    return _private_key().public_key()


def public_pem() -> bytes:
    """The key that verifies, as OpenSSL reads it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public_key().public_bytes(serialization.Encoding.PEM, form)


def fingerprint() -> str:
    """SHA-256 of the public key's DER form, in hexadecimal."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public_key().public_bytes(serialization.Encoding.DER, form)).hexdigest()


def _private_key() -> Ed25519PrivateKey:
    path = settings.DATA_DIR / "secrets" / "certificates.pem"
    if not path.exists():
        _make_key(path)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} holds no Ed25519 key: put the hub's own key there, or move the file away")
    return key


def _make_key(path: Path) -> None:
    """Write a whole key under another name first: a process beside us must never read half of one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    with contextlib.suppress(FileExistsError):  # another process was first: its key stays
        os.link(draft, path)
    draft.unlink()
