"""The owner's token: one secret that opens everything, given in the settings."""

from __future__ import annotations

import hashlib
import hmac

from services.api.operations.context import OPERATOR, Actor
from shared.errors import Unauthorised


class Keyring:
    """Checks the owner's token. ``open``: without any credentials everyone is the operator (loopback only)."""

    def __init__(self, token: str, *, people: bool = False) -> None:
        self._token = token.encode()
        #: Nobody is asked for anything. Not where people sign in through a provider.
        self.open = not token and not people

    def admit(self, authorization: str | None) -> Actor:
        """The caller. Raises Unauthorised, also where no token is asked for and a wrong one is sent.

        Whoever sends a token means to be bounded by it: one that lost a part must not make its holder the operator.
        """
        if self.open and _scheme(authorization) == "bearer":
            raise Unauthorised(
                "This token is not known.",
                why="It is none that this installation gave, and it asks for none.",
                do="Send one of `groundswell op create_access_token`, or none.",
            )
        if self.open or self.holds(authorization):
            return OPERATOR
        raise Unauthorised(
            "Sign in first.",
            why="This installation asks who you are.",
            do="Send its API token or an access token as 'Authorization: Bearer TOKEN', or sign in on the page.",
        )

    def holds(self, authorization: str | None) -> bool:
        """Whether it carries the owner's token."""
        token = (authorization or "").partition(" ")[2]
        return _scheme(authorization) == "bearer" and self.is_owners(token.strip())

    def is_owners(self, token: str) -> bool:
        """Whether this is the owner's token, compared in a time that tells nothing."""
        return bool(self._token) and _same(token.encode("utf-8", "surrogatepass"), self._token)

    @property
    def digest(self) -> bytes | None:
        """What sessions that were made with the owner's token remember of it."""
        return hashlib.sha256(b"groundswell-owner:" + self._token).digest() if self._token else None


def _scheme(authorization: str | None) -> str:
    return (authorization or "").strip().partition(" ")[0].lower()


def _same(given: bytes, right: bytes) -> bool:
    """Equality in a time that tells nothing, not even the length."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(right).digest())
