"""Proving to a relay who we are: its challenge, signed. Source: NIP-42. No I/O."""

from __future__ import annotations

import msgspec

from services.relay.crypto.nostr_event import signed
from services.relay.crypto.secret import Secret

_KIND = 22_242
#: A relay that still wants a proof after so many accepted ones never will be satisfied.
_MOST_ACCEPTED = 2


class Authentication:
    """State of one connection. Without ``key`` challenges stay unanswered."""

    def __init__(self, url: str, key: Secret | None) -> None:
        self._url, self._key = url, key
        self._asked_again, self._taken = 0, False
        #: Id of the event that holds our last answer, "" before there is one.
        self.event = ""

    def reply(self, challenge: str, now: int) -> str | None:
        """The message that answers ``challenge``; ``now`` in seconds. ``None`` without a key."""
        if self._key is None:
            return None
        proof = signed(self._key, now, _KIND, [["relay", self._url], ["challenge", challenge]], "")
        self.event, self._taken = proof.id, False
        return msgspec.json.encode(["AUTH", proof]).decode()

    def settle(self, accepted: bool) -> bool:
        """The relay judged our answer; whether it took it."""
        self._taken = accepted
        return accepted

    def taken(self) -> bool:
        """Whether the relay took the last answer."""
        return self._taken

    def pointless(self) -> bool:
        """Note that the relay wants a proof; true when it took ours already, twice."""
        self._asked_again += self._taken
        return self._asked_again > _MOST_ACCEPTED
