"""Who leaves the network: a newcomer every ten seconds, who writes for ten seconds and may be gone after that.

Nobody else leaves, so whoever is gone has written everything before the notice that says so.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from services.solo.simulator.chance import key, lane

#: Of all posts, what newcomers write.
SHARE = 0.01
#: What ends an account for good, and what it may come back from.
GONE, AWAY = ("deleted", "takendown"), ("deactivated", "suspended")
#: What only ails the server that has the account: its owner writes on.
_AILING = ("desynchronized", "throttled")

_STAY_SECONDS = 10
_LEAVES, _AILS = 0.15, 0.03


class Notice(NamedTuple):
    """What an account notice says of ``account``. ``status`` is empty while it is active."""

    account: int
    status: str

    @property
    def gone(self) -> bool:
        """The account is deleted or taken down."""
        return self.status in GONE


class Leavers:
    """Newcomers have the accounts from ``first`` on, one after another."""

    def __init__(self, seed: int, first: int) -> None:
        self._first = first
        self._chance = lane(seed, "leavers")

    def writer(self, second: int) -> int:
        """The newcomer who writes in a second."""
        return self._first + second // _STAY_SECONDS

    def __contains__(self, account: int) -> bool:
        return account >= self._first

    def notice(self, second: int, place: int, account: int) -> Notice:
        """What the event at ``place`` says: of ``account``, or that the newcomer before the present one leaves."""
        rng = Random(key(self._chance, second, place))
        chance = rng.random()
        if chance < _LEAVES and second >= _STAY_SECONDS:
            return Notice(self.writer(second) - 1, rng.choice(GONE + AWAY))
        return Notice(account, rng.choice(_AILING) if chance > 1 - _AILS else "")
