"""The owner's token: one secret that opens everything, given in the settings."""

from __future__ import annotations

import hashlib
import hmac

from services.api.operations.context import OPERATOR, Actor
from shared.contracts.access import owner_digest
from shared.errors import Unauthorised


class Keyring:
    """Checks the owner's token. ``open``: without any credentials everyone is the operator (loopback only)."""

    def __init__(self, token: str, *, closed: bool = False, open_to_all: bool = False) -> None:
        self._token = token.encode()
        #: Nobody is asked for anything: without a token unless ``closed``, or where the settings say so.
        self.open = open_to_all or not (token or closed)

    def admit(self, authorization: str | None) -> Actor:
        """The caller. Raises Unauthorised, also where no token is asked for and a wrong one is sent.

        Whoever sends a token means to be bounded by it: one that lost a part must not make its holder the operator.
        """
        if self.holds(authorization):
            return OPERATOR
        if self.open and _scheme(authorization) == "bearer":
            raise Unauthorised(
                "This token is not known.",
                why="It is none that this installation gave, and it asks for none.",
                do="Send one of `groundswell op create_access_token`, or none.",
            )
        if self.open:
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
        return owner_digest(self._token.decode()) if self._token else None


def _scheme(authorization: str | None) -> str:
    return (authorization or "").strip().partition(" ")[0].lower()


def _same(given: bytes, right: bytes) -> bool:
    """Equality in a time that tells nothing, not even the length."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(right).digest())
