"""Bad luck on demand: what ``--faults`` may hold, and when each fault is due.

Faulty frames come on top of the true ones and never replace any, so a reader that puts them aside
can still store everything. ``SPEC`` is a comma list of ``name:FRAMES`` (about every so many frames
of a connection, from half to one and a half times) or ``name@SECONDS`` (every so many seconds of a
connection). ``stall`` has a length first: ``stall:LENGTH``, ``stall:LENGTH:FRAMES``,
``stall:LENGTH@SECONDS`` (alone: every 1,000 frames). Faults of a whole connection are
``name%PERCENT``: so many connections of a hundred have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random

import msgspec

from services.solo.simulator.chance import key, lane
from shared.errors import ConfigurationError

#: Name and meaning of each fault.
FAULTS = {
    "drop": "cut the TCP connection without a close frame",
    "stall": "send nothing, pings neither, for LENGTH seconds",
    "garbage": "an extra text frame that is not JSON",
    "binary": "an extra binary frame",
    "half": "an extra copy of the last frame, cut in the middle",
    "oversize": "an extra frame of 2 MB",
    "wrongtype": "an extra frame of JSON with fields of wrong types",
    "duplicate": "the last frame once more",
    "kick": "close the connection with code 1008",
    "restart": "close the connection with code 1001",
    "toolarge": "close the connection with code 1009",
    "later": "close the connection with code 1013",
    "cut": "begin a frame and cut the TCP connection in its middle",
    "halfopen": "say nothing more, answer no ping and close nothing",
    "reorder": "the next six frames in another order",
    "cutover": "(%%) lose some events and disorder others around the change from replay to live",
    "tail": "(%%) take the cursor for one in the future: only live events come",
    "refuse": "(%%) answer the handshake with HTTP 503",
    "slow": "(%%) wait one to three seconds before the first frame",
    "badid": "an extra event whose id is not its own (nostr)",
    "badsig": "an extra event that its author did not sign (nostr)",
    "notice": "an extra NOTICE and a message of no known kind (nostr)",
    "noeose": "leave out the end of a page (nostr)",
    "closed": "close a request in the middle of its page (nostr)",
}
#: Codes of the faults that close a connection in good order.
CLOSES = {"kick": 1008, "restart": 1001, "toolarge": 1009, "later": 1013}
_WHOLE = frozenset(("cutover", "tail", "refuse", "slow"))
_ITEM = re.compile(r"(?P<name>\w+)(?P<length>:[0-9.]+)??(?:(?P<sign>[:@%])(?P<every>[0-9.]+))?")
_STALL_EVERY_FRAMES = 1_000.0
_OVERSIZE_BYTES = 2_000_000
_GARBAGE = ("not json at all", "{]", "", "null,", "{'did': 'single quotes'}", "\u0000\ufffd <html>503</html>")
_WRONG = (
    b'{"did":42,"time_us":"soon","kind":["commit"],"commit":"x"}',
    b'{"did":"did:plc:x","time_us":1.5,"kind":"commit","commit":{"rev":1,"operation":"explode"}}',
    b"[1,2,3]",
    b'{"did":null,"time_us":null,"kind":null}',
    b'"just a string"',
)


class Fault(msgspec.Struct, frozen=True):
    """One kind of fault and how often; ``length`` is the seconds of a stall, else 0.

    ``whole``: it is of whole connections, and ``every`` is how many in a hundred.
    """

    name: str
    every: float
    by_frames: bool
    length: float = 0.0
    whole: bool = False


def parse(spec: str) -> list[Fault]:
    """Read ``--faults``; raises ``ConfigurationError`` that lists the known faults."""
    return [_parse_item(item.strip()) for item in spec.split(",") if item.strip()]


def _parse_item(item: str) -> Fault:
    match = _ITEM.fullmatch(item)
    if match is None or match["name"] not in FAULTS:
        raise _bad(item, f"Known faults: {', '.join(FAULTS)}.")
    name, sign, length = match["name"], match["sign"], match["length"]
    if name == "stall" and length is None:
        if sign != ":":
            raise _bad(item, "A stall needs its length in seconds: stall:LENGTH.")
        return Fault(name, _STALL_EVERY_FRAMES, by_frames=True, length=_number(item, match["every"]))
    if (sign == "%") != (name in _WHOLE) and sign is not None:
        raise _bad(item, f"{', '.join(sorted(_WHOLE))} are of whole connections, as in cutover%50; no other fault is.")
    if name in _WHOLE and sign is None:
        raise _bad(item, f"Say how many connections in a hundred: {name}%50.")
    if sign is None or (length is not None and name != "stall"):
        raise _bad(item, f"Say how often: {name}:FRAMES or {name}@SECONDS.")
    seconds = 0.0 if length is None else _number(item, length[1:])
    return Fault(name, _number(item, match["every"]), by_frames=sign == ":", length=seconds, whole=sign == "%")


def _number(item: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if value <= 0:
        raise _bad(item, "It needs a number above 0, such as garbage:500 or drop@30.")
    return value


def _bad(item: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"--faults cannot read {item!r}.", why=why, do="See groundswell simulate --help.")


class Injector:
    """Faults due on one connection; the same for the same seed and connection number."""

    def __init__(self, faults: Sequence[Fault], seed: int, connection: int) -> None:
        self._rng = Random(key(lane(seed, "faults"), connection))
        whole = [fault for fault in faults if fault.whole]
        #: Faults of this connection as a whole.
        self.whole = frozenset(fault.name for fault in whole if self._rng.random() * 100 < fault.every)
        #: Chance for what those do.
        self.rng = Random(key(lane(seed, "whole faults"), connection))
        self._faults = faults = [fault for fault in faults if not fault.whole]
        self._next = [self._gap(fault) for fault in faults]

    def skip(self, frames: int, seconds: float) -> None:
        """Begin here: nothing is due for what was before."""
        self._next = [
            (frames if fault.by_frames else seconds) + next
            for fault, next in zip(self._faults, self._next, strict=True)
        ]

    def due(self, frames: int, seconds: float) -> Iterator[Fault]:
        """Faults that became due, given true frames sent and seconds since the connection opened."""
        for number, fault in enumerate(self._faults):
            reached = frames if fault.by_frames else seconds
            if reached >= self._next[number]:
                self._next[number] = reached + self._gap(fault)
                yield fault

    def frame(self, fault: Fault, last: bytes) -> str | bytes:
        """The extra frame of a fault that sends one: ``str`` for text, ``bytes`` for binary."""
        match fault.name:
            case "garbage":
                return self._rng.choice(_GARBAGE)
            case "binary":
                return self._rng.randbytes(200)
            case "half":
                return last[: len(last) // 2].decode(errors="ignore")
            case "oversize":
                return _oversize()
            case "wrongtype":
                return self._rng.choice(_WRONG).decode()
            case _:
                return last.decode()

    def _gap(self, fault: Fault) -> float:
        return fault.every * (self._rng.uniform(0.5, 1.5) if fault.by_frames else 1.0)


def _oversize() -> str:
    record = {"$type": "app.bsky.feed.post", "createdAt": "2026-01-01T00:00:00.000Z"}
    commit = {
        "rev": "3oversize2222",
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": "3oversize2222",
        "record": {**record, "text": "x" * _OVERSIZE_BYTES},
        "cid": "bafyreioversize",
    }
    frame = {"did": "did:plc:oversize", "time_us": 1_767_225_600_000_000, "kind": "commit", "commit": commit}
    return msgspec.json.encode(frame).decode()
