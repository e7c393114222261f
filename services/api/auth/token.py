"""Who may come in: the one token, by header or by a session cookie made from it."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping

from services.api.operations.context import OPERATOR, Actor
from shared.errors import Unauthorised

COOKIE = "groundswell_session"
SESSION_SECONDS = 30 * 24 * 3600


class Keyring:
    """Checks tokens and sessions. With an empty token everyone is the operator (loopback only)."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    @property
    def open(self) -> bool:
        """Whether no token is asked for."""
        return not self._token

    def admit(self, authorization: str | None, cookies: Mapping[str, str]) -> Actor:
        """The caller. Raises Unauthorised, also where no token is asked for and a wrong one is sent.

        Whoever sends a token means to be bounded by it: one that lost a part must not make its holder the operator.
        """
        if self.open and _scheme(authorization) == "bearer":
            raise Unauthorised(
                "This token is not known.",
                why="It is none that this installation gave, and it asks for none.",
                do="Send one of `groundswell op create_access_token`, or none.",
            )
        if self.open or self._bearer(authorization) or self._session(cookies.get(COOKIE, "")):
            return OPERATOR
        raise Unauthorised(
            "Sign in first.",
            why="This installation asks for its API token.",
            do="Send it as 'Authorization: Bearer TOKEN', or sign in on the page.",
        )

    def holds(self, authorization: str | None) -> bool:
        """Whether it carries the operator's own token."""
        return not self.open and self._bearer(authorization)

    def sign_in(self, token: str) -> str:
        """A session's cookie value, which does not hold the token. Raises Unauthorised."""
        if not self.open and not _same(token.encode("utf-8", "surrogatepass"), self._token):
            raise Unauthorised("This is not the token.", do="It is the value of GROUNDSWELL_API_TOKEN.")
        began = str(int(time.time()))
        return f"{began}.{self._seal(began)}"

    def _bearer(self, authorization: str | None) -> bool:
        token = (authorization or "").partition(" ")[2]
        return _scheme(authorization) == "bearer" and _same(token.strip().encode("utf-8", "surrogatepass"), self._token)

    def _session(self, cookie: str) -> bool:
        began, _, seal = cookie.partition(".")
        if not (began.isascii() and began.isdecimal() and len(began) <= 12):
            return False
        genuine = _same(seal.encode("utf-8", "surrogatepass"), self._seal(began).encode())
        return genuine and 0 <= time.time() - int(began) + 60 < SESSION_SECONDS

    def _seal(self, began: str) -> str:
        return hmac.new(self._token, f"groundswell-session:{began}".encode(), hashlib.sha256).hexdigest()


def _scheme(authorization: str | None) -> str:
    return (authorization or "").strip().partition(" ")[0].lower()


def _same(given: bytes, right: bytes) -> bool:
    """Equality in a time that tells nothing, not even the length."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(right).digest())
