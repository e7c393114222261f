"""How often a caller may call: a bucket for each caller and kind of call, refilled as time goes by.

In the memory of one process: several API processes each grant the whole. What must never be passed (money, queries at
the same time, runs) has bounds of its own.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

from shared.errors import TooFast

#: request: anything; write: what has an effect; heavy: what keeps the database or a model busy; sign-in: tries to.
Kind = Literal["request", "write", "heavy", "sign-in"]
#: Of the calls a minute in the settings. A bucket holds what comes in within ``_BURST`` of a minute.
_SHARE: dict[Kind, float] = {"request": 1.0, "write": 0.2, "heavy": 0.04, "sign-in": 1 / 150}
_BURST: dict[Kind, float] = {"request": 0.4, "write": 0.5, "heavy": 1.0, "sign-in": 1.0}
#: Also where nothing else is bounded.
SIGN_INS_A_MINUTE = 20.0
#: Callers that are remembered; who was not seen for longest is forgotten, and begins anew.
CALLERS_MOST = 10_000


class Rates:
    """``a_minute`` bounds requests of one caller; 0 bounds nothing but signing in."""

    def __init__(self, a_minute: float = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_minute, self._clock = a_minute, clock
        self._buckets: OrderedDict[tuple[Kind, str], tuple[float, float]] = OrderedDict()

    def take(self, kind: Kind, caller: str) -> None:
        """Count one call. Raises TooFast with the seconds to wait."""
        rate = self._a_minute * _SHARE[kind] / 60
        if not rate and kind != "sign-in":
            return
        rate = rate or SIGN_INS_A_MINUTE / 60
        most = max(1.0, rate * 60 * _BURST[kind])
        now = self._clock()
        left, since = self._buckets.pop((kind, caller), (most, now))
        left = min(most, left + (now - since) * rate)
        short = left < 1
        self._buckets[kind, caller] = (left if short else left - 1, now)
        if len(self._buckets) > CALLERS_MOST:
            self._buckets.popitem(last=False)
        if short:
            raise TooFast(
                "Too many calls in a short time.",
                why=f"This is one of too many {_NAMES[kind]}.",
                do="Wait as long as Retry-After says; GROUNDSWELL_API_REQUESTS_PER_MINUTE is the limit.",
                after_seconds=math.ceil((1 - left) / rate),
            )


_NAMES: dict[Kind, str] = {
    "request": "requests of this caller",
    "write": "changes by this caller",
    "heavy": "heavy calls of this caller",
    "sign-in": "tries to sign in from this address",
}
