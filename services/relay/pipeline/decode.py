"""From Jetstream's JSON to events: strict in what we rely on, blind to what we do not use.

One typed pass reads envelope and commit and leaves the record raw, so that a like, two thirds of
all traffic, costs two short decodes. Text that PostgreSQL cannot hold is repaired here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from services.relay import records
from services.relay.events import LIKE, REPOST, Batch, Event, NewPost, Passing, Reaction, Refused, Removal
from services.relay.frames import Frame
from shared.contracts.ids import author_hash, post_id
from shared.errors import MalformedFrame

POST = "app.bsky.feed.post"
REACTIONS = {"app.bsky.feed.like": LIKE, "app.bsky.feed.repost": REPOST}
_OPERATIONS = frozenset(("create", "update", "delete"))
_OTHER_KINDS = frozenset(("identity", "account"))

#: Below this a server of the second version would read a cursor as a sequence number (September 2001).
EARLIEST_US = 1_000_000_000_000_000
#: An event may be this far ahead of the database's clock; further ahead its sender's clock is broken.
MAX_AHEAD_US = 600_000_000
#: Characters of a decoder's complaint that are kept.
_DETAIL = 300


class Commit(msgspec.Struct):
    """The part of a commit we use; deletes carry no record."""

    operation: str
    collection: str
    rkey: str
    record: msgspec.Raw = msgspec.Raw(b"")


class Envelope(msgspec.Struct):
    """One Jetstream frame."""

    did: str
    time_us: int
    kind: str
    commit: Commit | None = None


_envelope = msgspec.json.Decoder(Envelope)
_post = msgspec.json.Decoder(records.Post)
_subject = msgspec.json.Decoder(records.Subject)


def decode(frames: Sequence[Frame], now_us: int) -> Batch:
    """All ``frames`` as one batch. Those that cannot be read are in ``refused``, none is skipped.

    ``now_us`` is the database's clock.
    """
    batch = Batch()
    for frame in frames:
        if frame.resume is not None:
            batch.resume, batch.first_us = frame.resume, None
        try:
            event = decode_frame(frame, now_us + MAX_AHEAD_US)
        except MalformedFrame as error:
            batch.refused.append(Refused(frame, error.reason, error.why))
            continue
        if batch.first_us is None:
            batch.first_us = event.time_us
        if batch.position is None or event.time_us > batch.position:
            batch.position = event.time_us
        match event:
            case Reaction():
                batch.reactions.append(event)
            case NewPost():
                batch.posts.append(event)
            case Removal():
                batch.removals.append(event)
            case _:
                batch.passing.append(event)
    return batch


def decode_frame(frame: Frame, latest_us: int, *, repair: bool = True) -> Event:
    """The event in ``frame``. Raises MalformedFrame with one of the fixed reasons.

    With ``repair``, lone surrogates in its JSON become U+FFFD instead of losing the post.
    """
    if frame.fault:
        raise MalformedFrame(frame.fault, f"{frame.size} bytes")
    try:
        return _event(frame.data, latest_us)
    except MalformedFrame:
        raise
    except msgspec.ValidationError as error:
        raise MalformedFrame("wrong_type", str(error)[:_DETAIL]) from error
    except (ValueError, RecursionError) as error:
        if repair and (repaired := _without_surrogates(frame.data)) is not None:
            return decode_frame(Frame(repaired, frame.size), latest_us, repair=False)
        raise MalformedFrame("not_json", str(error)[:_DETAIL]) from error


def _event(data: bytes, latest_us: int) -> Event:
    envelope = _envelope.decode(data)
    time_us = envelope.time_us
    if not EARLIEST_US <= time_us <= latest_us:
        raise MalformedFrame("bad_time", f"time_us is {time_us}"[:_DETAIL])
    did = envelope.did
    if not records.valid_did(did):
        raise MalformedFrame("bad_id", "did")
    commit = envelope.commit
    if envelope.kind != "commit":
        if envelope.kind not in _OTHER_KINDS:
            raise MalformedFrame("wrong_type", "kind is unknown")
        return Passing(time_us)
    if commit is None or commit.operation not in _OPERATIONS:
        raise MalformedFrame("wrong_type", "commit or its operation is missing or unknown")
    if commit.collection != POST and commit.collection not in REACTIONS:
        return Passing(time_us)
    if not records.valid_key(commit.rkey):
        raise MalformedFrame("bad_id", "rkey")
    uri = f"at://{did}/{commit.collection}/{commit.rkey}"
    if commit.collection == POST:
        if commit.operation == "delete":
            return Removal(post_id(uri), uri, did, author_hash(did), time_us)
        return _new_post(uri, did, time_us, commit)
    kind = REACTIONS[commit.collection]
    if commit.operation == "delete":
        return Reaction(post_id(uri), None, kind, time_us, undone=True)
    return Reaction(post_id(uri), post_id(_subject.decode(commit.record).subject.uri), kind, time_us)


def _new_post(uri: str, did: str, time_us: int, commit: Commit) -> NewPost:
    post = _post.decode(commit.record)
    return NewPost(
        id=post_id(uri),
        uri=uri,
        author=did,
        author_hash=author_hash(did),
        time_us=time_us,
        claimed_us=records.claimed_us(post.created_at) if post.created_at else None,
        text=records.clean(post.text[: records.MAX_TEXT]),
        languages=records.languages_of(post) if post.langs else [],
        tags=records.tags_of(post) if post.tags or post.facets else [],
        links=records.links_of(post) if post.facets or post.embed else [],
        reply_to=post_id(post.reply.parent.uri) if post.reply else None,
        replaces=commit.operation == "update",
    )


def _without_surrogates(data: bytes) -> bytes | None:
    r"""``data`` with lone ``\ud800``-style escapes made U+FFFD; ``None`` when that was not what is wrong."""
    if b"\\ud" not in data and b"\\uD" not in data:
        return None
    try:
        text = json.dumps(json.loads(data), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
