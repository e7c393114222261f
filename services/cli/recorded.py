"""A recording as the momentum engine sees it: read and counted by the relay's own stages.

So ``detect`` counts the posts that ``replay`` would store, repairs and refusals included. One thing
differs: without a database there is no clock that could tell that an event lies in the future.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import BinaryIO
from uuid import UUID

from services.api.momentum.detect import Reader, Reading
from services.api.momentum.engine import Observation
from services.relay.events import Event, NewPost, Removal
from services.relay.frames import Frame
from services.relay.pipeline.count import count
from services.relay.pipeline.decode import decode_frame
from services.relay.replay import frames_of
from services.relay.wires.jetstream import read_event
from shared.errors import MalformedFrame

#: The year 2100. An event past it is a broken line and must not move the watermark.
LATEST_US = 4_102_444_800_000_000
#: Decoded together, then counted together: in turns each would find the processor's caches full of the other.
BATCH = 64


def reader(max_bytes: int) -> Reader:
    """Reads recordings whose lines have at most ``max_bytes``, as the relay's frames do."""
    return partial(_read, max_bytes)


def _read(max_bytes: int, content: BinaryIO) -> Iterator[Reading | None]:
    return readings(frames_of(content, max_bytes))


def readings(frames: Iterable[Frame]) -> Iterator[Reading | None]:
    """What each frame says to the engine; ``None`` for one that the relay would quarantine."""
    waiting = iter(frames)
    while events := [_event(frame) for frame in islice(waiting, BATCH)]:
        count([event for event in events if isinstance(event, NewPost)])
        yield from map(_reading, events)


def _event(frame: Frame) -> Event | None:
    try:
        return decode_frame(frame, LATEST_US, read_event)
    except MalformedFrame:
        return None


def _reading(event: Event | None) -> Reading | None:
    if event is None:
        return None
    if isinstance(event, NewPost):
        language = event.languages[0] if event.languages else ""
        terms = tuple(event.terms)
        post = Observation(event.time_us, _name(event.id), event.author_hash, terms, event.fingerprint, language)
        return Reading(event.time_us, post)
    return Reading(event.time_us, None, _name(event.id) if isinstance(event, Removal) else "")


def _name(key: UUID | bytes) -> str:
    """A post's id as the engine gets it from the record."""
    return str(key if isinstance(key, UUID) else UUID(bytes=key))
