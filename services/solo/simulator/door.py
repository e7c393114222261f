"""The simulator's door for tests: what it forgets, what time it has, how badly it behaves, and what it did.

Open only when asked for (``--control``), and only to this machine. ``GET /control`` with any of
``faults=SPEC`` (from now on, open connections too), ``floor=MICROSECONDS`` or ``floor=now`` (everything
older is forgotten), ``clock=SECONDS`` (the server's clock is wrong by so much), ``closed=1`` or ``0``
(every handshake gets 503), ``hangup=1`` (every connection is cut). The answer says how things stand.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import msgspec

from services.solo.simulator import faults
from services.solo.simulator.faults import Fault
from shared.errors import ConfigurationError, InputError

PATH = "/control"
_MOST_ENTRIES = 20_000


class Entry(msgspec.Struct, kw_only=True):
    """One connection: what was asked for and given, and the fault that ended it ("" while none did)."""

    opened_us: int
    cursor: int | None = None
    start_us: int = 0
    faults: list[str] = []
    fault: str = ""
    ended_us: int = 0
    frames: int = 0
    lost: int = 0
    #: Which version was spoken, and whether frames went out packed.
    version: int = 1
    packed: bool = False
    #: How wrong the server's clock was when it began, microseconds.
    clock_us: int = 0


class Standing(msgspec.Struct, kw_only=True):
    """How the simulator stands. ``revision`` counts changes of ``faults``."""

    faults: list[Fault] = []
    floor_us: int = 0
    clock_us: int = 0
    closed: bool = False
    revision: int = 0
    hangups: int = 0
    journal: list[Entry] = []

    def obey(self, target: str, now_us: int) -> None:
        """Do what a request to the door asks. Raises InputError."""
        query = {name: values[-1] for name, values in parse_qs(urlsplit(target).query, keep_blank_values=True).items()}
        if unknown := sorted(set(query) - {"faults", "floor", "clock", "closed", "hangup"}):
            raise InputError(f"The door knows no {', '.join(unknown)}.")
        try:
            self._obey(query, now_us)
        except (ValueError, ConfigurationError) as error:
            raise InputError("The door cannot do that.", why=str(error)) from error

    def _obey(self, query: Mapping[str, str], now_us: int) -> None:
        if "faults" in query:
            self.faults, self.revision = faults.parse(query["faults"]), self.revision + 1
        if "clock" in query:
            self.clock_us = round(float(query["clock"]) * 1_000_000)
        if "floor" in query:
            self.floor_us = now_us if query["floor"] == "now" else int(query["floor"])
        if "closed" in query:
            self.closed = query["closed"] == "1"
        if query.get("hangup") == "1":
            self.hangups += 1

    def note(self, entry: Entry) -> None:
        """Keep ``entry`` in the journal, the oldest giving way."""
        self.journal.append(entry)
        del self.journal[:-_MOST_ENTRIES]

    def told(self, now_us: int) -> str:
        """The door's answer, JSON."""
        return msgspec.json.encode({"now_us": now_us, **msgspec.to_builtins(self)}).decode()


def is_here(address: object) -> bool:
    """Whether a peer's address (as a socket gives it) is this machine's own."""
    host = address[0] if isinstance(address, tuple) else ""
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False
