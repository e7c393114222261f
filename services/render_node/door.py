"""Who may come in: every request is signed, is of now, and comes once. Nothing is open unless ``OPEN`` says so."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from shared.contracts import signing
from shared.errors import AccessError

#: What answers without a signature, and then says next to nothing.
OPEN = frozenset({("GET", "/health")})
#: Nonces remembered. When it is full of ones that could still be played again, nobody comes in.
MOST_NONCES = 10_000

_NONCE = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{10,16}")


class Turned(AccessError):
    """Not let in. ``kind`` is a metric label; ``nonce`` is set when the sender is who they say they are."""

    def __init__(self, kind: str, why: str, nonce: str | None = None) -> None:
        super().__init__("The request is refused.", why=why)
        self.kind, self.nonce = kind, nonce


class Door:
    """Judges signatures. ``clock`` gives seconds since 1970; a node has no other clock than its own."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._secret, self._clock = secret, clock
        #: What was signed before this process began may have been played to the one before.
        self._began = clock()
        self._nonces: set[str] = set()
        self._order: deque[tuple[float, str]] = deque()
        self._lock = threading.Lock()

    def judge(self, method: str, target: str, headers: Mapping[str, str]) -> tuple[str, str]:
        """(nonce, SHA-256 that the body must have). Raises Turned."""
        nonce = headers.get(signing.NONCE, "")
        sent = headers.get(signing.TIME, "")
        body_sha256 = headers.get(signing.BODY, "")
        given = headers.get(signing.SIGNATURE, "")
        if not (_NONCE.fullmatch(nonce) and _TIME.fullmatch(sent) and _HASH.fullmatch(body_sha256)):
            raise Turned("unsigned", "It is not signed.")
        if not signing.same(given, signing.sign_request(self._secret, method, target, int(sent), nonce, body_sha256)):
            raise Turned("signature", "Its signature is not valid.")
        now = self._clock()
        off = now - int(sent) / 1000
        if abs(off) > signing.SKEW_SECONDS:
            raise Turned("clock", f"Its time is {abs(off):.0f} s {'behind' if off > 0 else 'ahead of'} here.", nonce)
        if int(sent) / 1000 < self._began:
            raise Turned("clock", "It was signed before this node started.", nonce)
        self._once(nonce, now)
        return nonce, body_sha256

    def _once(self, nonce: str, now: float) -> None:
        with self._lock:
            # A time may lie ahead by the skew, and then stays valid for the skew again.
            while self._order and self._order[0][0] < now - 2 * signing.SKEW_SECONDS:
                self._nonces.discard(self._order.popleft()[1])
            if nonce in self._nonces:
                raise Turned("replay", "It came before.", nonce)
            if len(self._nonces) >= MOST_NONCES:
                raise Turned("crowded", "Too many requests in two minutes.", nonce)
            self._nonces.add(nonce)
            self._order.append((now, nonce))
