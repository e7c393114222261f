"""From frames to events, with the reader of the feed's wire. Text that PostgreSQL cannot hold is repaired here."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from services.relay.events import (
    MAX_AHEAD_US,
    Batch,
    Event,
    NewPost,
    Passing,
    Reaction,
    Read,
    Refused,
    Removal,
    Together,
)
from services.relay.frames import Frame
from shared.errors import MalformedFrame

#: Characters of a decoder's complaint that are kept.
_DETAIL = 300


def decode(frames: Sequence[Frame], now_us: int, read: Read) -> Batch:
    """All ``frames`` as one batch. Those that cannot be read are in ``refused``, none is skipped.

    ``now_us`` is the database's clock.
    """
    batch = Batch()
    latest_us = now_us + MAX_AHEAD_US
    newest_us = -1
    for frame in frames:
        if frame.resume is not None:
            batch.resume, batch.first = frame.resume, None
        if frame.missing is not None:
            batch.missing.append(frame.missing)
        if frame.mark_us is not None:
            time_us = frame.mark_us
        else:
            try:
                event = decode_frame(frame, latest_us, read)
            except MalformedFrame as error:
                batch.refused.append(Refused(frame, error.reason, error.why))
                continue
            batch.last_us = time_us = event.time_us
            if batch.first is None:
                batch.first = event
            _add(batch, event)
            if not frame.moves:
                continue
        if time_us > newest_us:
            batch.position = newest_us = time_us
        if frame.token is not None:
            batch.token = frame.token
    return batch


def _add(batch: Batch, event: Event) -> None:
    # Not by ``isinstance`` or ``match``, which cost four times as much where the answer is no.
    if type(event) is Reaction:
        (batch.undoings if event.undone else batch.reactions).append(event)
    elif type(event) is NewPost:
        batch.posts.append(event)
    elif isinstance(event, Passing):
        batch.passing.append(event)
    elif type(event) is Removal:
        batch.removals.append(event)
    elif type(event) is Together:
        for each in event.events:
            _add(batch, each)


def decode_frame(frame: Frame, latest_us: int, read: Read, *, repair: bool = True) -> Event:
    """The event in ``frame``. Raises MalformedFrame with one of the fixed reasons.

    With ``repair``, lone surrogates in its JSON become U+FFFD instead of losing the post.
    """
    if frame.fault:
        raise MalformedFrame(frame.fault, f"{frame.size} bytes")
    try:
        return read(frame.data, latest_us)
    except MalformedFrame:
        raise
    except msgspec.ValidationError as error:
        raise MalformedFrame("wrong_type", str(error)[:_DETAIL]) from error
    except (ValueError, RecursionError) as error:
        if repair and (repaired := _without_surrogates(frame.data)) is not None:
            return decode_frame(Frame(repaired, frame.size), latest_us, read, repair=False)
        raise MalformedFrame("not_json", str(error)[:_DETAIL]) from error


def _without_surrogates(data: bytes) -> bytes | None:
    r"""``data`` with lone ``\ud800``-style escapes made U+FFFD; ``None`` when that was not what is wrong."""
    if b"\\ud" not in data and b"\\uD" not in data:
        return None
    try:
        text = json.dumps(json.loads(data), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
