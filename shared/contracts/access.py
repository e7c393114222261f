"""Access tokens as all units know them: the API admits them, and whoever starts an agent gives it one of its own."""

from __future__ import annotations

import hashlib
import secrets

#: So that one can be told from the operator's token, and found where it was left by mistake.
PREFIX = "gsw_"


def make() -> str:
    """A new secret."""
    return PREFIX + secrets.token_urlsafe(32)


def owner_digest(token: str) -> bytes:
    """What sessions and tickets that were made with the owner's token remember of it."""
    return digest("groundswell-owner:" + token)


def digest(secret: str) -> bytes:
    """What is stored of it. It has 256 random bits, so that a plain hash will do."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
