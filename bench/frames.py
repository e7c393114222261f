"""The frames every contestant reads: the simulator's stream, thinned to the shares that Bluesky shows.

The simulator speaks mostly in posts, which suits those who look at momentum; the network's own
stream is two thirds likes. A record is kept or left out by the hash of its own key, so that a
deletion is kept exactly when what it deletes is. Accounts that leave for good are left out. Posts get
pictures and some reactions the ``via`` that the network's have, which brings the sizes near those
measured there (552 bytes, posts 846).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from services.solo.simulator.options import SimulatorOptions
from services.solo.simulator.stream import Event

#: Of each kind of the simulator's events, the part that is kept, in thousandths: so that likes become some 70 %
#: and posts some 11 % of the stream, as measured on the network.
_KEPT = {"like": 1000, "post": 263, "repost": 530, "undo": 1000, "delete": 263, "account": 1000}
_COLLECTIONS = {"app.bsky.feed.like": "like", "app.bsky.feed.post": "post", "app.bsky.feed.repost": "repost"}
#: 1 June 2026, noon.
BEGIN_US = 1_780_315_200_000_000
#: Deletions are as frequent as they ever get once the stream is so old.
_SETTLED_SECONDS = 600
#: Of a hundred posts that carry nothing else, and of a hundred reactions.
_PICTURES, _VIA = 60, 12
_ALT = "A photo taken from the window of a moving train, with wet fields below and a low grey sky above."


class _Commit(msgspec.Struct):
    operation: str
    rkey: str


class _Frame(msgspec.Struct):
    commit: _Commit | None = None


_decoder = msgspec.json.Decoder(_Frame)


def frames(rate: float, seed: int = 7, begin_us: int = BEGIN_US) -> Iterator[Event]:
    """Endless events from ``begin_us`` on; about ``rate`` a second are made, a part of them kept."""
    options = SimulatorOptions(rate=rate, seed=seed, anchor_us=begin_us - _SETTLED_SECONDS * 1_000_000)
    stream = options.stream(begin_us)
    for second in itertools.count(_SETTLED_SECONDS):
        for event in stream.events(second):
            number = _number(event)
            if (kind := kind_of(event)) and number % 1000 < _KEPT[kind] and not _leaves(event):
                yield _dressed(event, kind, number // 1000 % 100)


def kind_of(event: Event) -> str | None:
    """Which share an event counts to; ``None`` for collections that nobody asked for."""
    if not event.collection:
        return "account"
    kind = _COLLECTIONS.get(event.collection)
    if kind is None or b'"operation":"delete"' not in event.frame:
        return kind
    return "delete" if kind == "post" else "undo"


def _leaves(event: Event) -> bool:
    """Whether an account goes for good: we then remove its posts, which no peer does, so that the tables would
    differ."""
    return b'"status":"deleted"' in event.frame or b'"status":"takendown"' in event.frame


def _number(event: Event) -> int:
    """What chance says about an event: the same for a record and its deletion."""
    commit = _decoder.decode(event.frame).commit
    return int.from_bytes(blake2b((commit.rkey if commit else "").encode(), digest_size=4).digest(), "big")


def _dressed(event: Event, kind: str, chance: int) -> Event:
    """``event`` with what the network's records carry beside the simulator's."""
    if not (kind == "post" and chance < _PICTURES) and not (kind in ("like", "repost") and chance < _VIA):
        return event
    frame: dict[str, Any] = msgspec.json.decode(event.frame)
    record = frame["commit"]["record"]
    if kind == "post":
        blob = {"$type": "blob", "ref": {"$link": frame["commit"]["cid"]}, "mimeType": "image/jpeg", "size": 482_119}
        image = {"alt": _ALT, "aspectRatio": {"height": 1500, "width": 2000}, "image": blob}
        record.setdefault("embed", {"$type": "app.bsky.embed.images", "images": [image] * (1 + chance % 2)})
    else:
        record["via"] = record["subject"]
    return msgspec.structs.replace(event, frame=msgspec.json.encode(frame))


def retold(events: Iterable[Event], texts: Iterator[tuple[str, str]]) -> Iterator[Event]:
    """``events`` whose posts say ``texts`` (with their languages) instead; what was marked in the old ones is gone."""
    for event in events:
        if kind_of(event) != "post":
            yield event
            continue
        frame: dict[str, Any] = msgspec.json.decode(event.frame)
        record = frame["commit"]["record"]
        record["text"], language = next(texts)
        record["langs"] = [language]
        record.pop("facets", None)
        yield msgspec.structs.replace(event, frame=msgspec.json.encode(frame))


class Recording(msgspec.Struct, frozen=True):
    """What lies in a file of frames, one a line."""

    events: int
    bytes: int
    shares: dict[str, float]
    post_bytes: float

    def describe(self) -> str:
        """One line for people."""
        shares = ", ".join(f"{kind} {share:.0%}" for kind, share in sorted(self.shares.items(), key=lambda x: -x[1]))
        return (
            f"{self.events:,} events, {self.bytes / self.events:.0f} bytes each on average "
            f"(posts {self.post_bytes:.0f}): {shares}"
        )


def record(path: Path, events: int, rate: float = 700.0, texts: Iterator[tuple[str, str]] | None = None) -> Recording:
    """Write ``events`` frames to ``path``; their posts say ``texts`` where given."""
    kinds: Counter[str] = Counter()
    size = posts = 0
    with path.open("wb") as file:
        made = frames(rate) if texts is None else retold(frames(rate), texts)
        for event in itertools.islice(made, events):
            file.write(event.frame + b"\n")
            kind = kind_of(event) or ""
            kinds[kind] += 1
            size += len(event.frame)
            posts += len(event.frame) if kind == "post" else 0
    shares = {kind: number / events for kind, number in kinds.items()}
    return Recording(events, size, shares, posts / max(kinds["post"], 1))
