"""What a Bluesky commit or account means, the same in every version of Jetstream. Nothing here does I/O."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from services.relay import records
from services.relay.events import LIKE, REPOST, AccountNotice, Event, NewPost, Passing, Reaction, Removal
from shared.contracts.ids import author_hash, post_id, record_key
from shared.errors import MalformedFrame

POST = "app.bsky.feed.post"
REACTIONS = {"app.bsky.feed.like": LIKE, "app.bsky.feed.repost": REPOST}
Record = TypeVar("Record")

#: What an account does not come back from, as a rule; deactivated and suspended ones do (decision 0017).
_GONE = frozenset(("deleted", "takendown"))
_OPERATIONS = frozenset(("create", "update", "delete"))

#: Below this a server of the second version reads a cursor as a sequence number (September 2001).
EARLIEST_US = 1_000_000_000_000_000

_post = msgspec.json.Decoder(records.Post)
_subject = msgspec.json.Decoder(records.Subject)


class _Post(records.Post, tag_field="$type", tag=POST):
    pass


class _Like(records.Subject, tag_field="$type", tag="app.bsky.feed.like"):
    pass


class _Repost(records.Subject, tag_field="$type", tag="app.bsky.feed.repost"):
    pass


class Commit(msgspec.Struct, gc=False):
    """The part of a commit we use; deletes carry no record."""

    operation: str
    collection: str
    rkey: str


class UsualCommit(Commit, gc=False):
    """One whose record names the type that we know by its collection: nearly all, and read in one pass."""

    record: _Post | _Like | _Repost | None = None


class RawCommit(Commit, gc=False):
    """Any."""

    record: msgspec.Raw = msgspec.Raw(b"")


class Account(msgspec.Struct):
    """The part of an account notice we use. ``status`` says why it is not active."""

    active: bool
    status: str | None = None


def check_origin(did: str, time_us: int, latest_us: int) -> None:
    """Raise MalformedFrame for an author or a time that cannot be."""
    if not EARLIEST_US <= time_us <= latest_us:
        raise MalformedFrame("bad_time", f"the time is {time_us}")
    if not records.valid_did(did):
        raise MalformedFrame("bad_id", "did")


def event_of(did: str, time_us: int, commit: UsualCommit | RawCommit) -> Event:
    """The event that ``did`` committed at ``time_us``.

    Raises MalformedFrame, what msgspec raises, and for a ``UsualCommit`` that turns out to be none
    ValidationError: then the frame is to be read as a ``RawCommit``.
    """
    operation, collection = commit.operation, commit.collection
    if operation not in _OPERATIONS:
        raise MalformedFrame("wrong_type", "the operation is unknown")
    kind = REACTIONS.get(collection)
    if kind is None and collection != POST:
        return Passing(time_us)
    if not records.valid_key(commit.rkey):
        raise MalformedFrame("bad_id", "rkey")
    uri = f"at://{did}/{collection}/{commit.rkey}"
    if operation == "delete":
        if kind is None:
            return Removal(post_id(uri), uri, did, author_hash(did), time_us)
        return Reaction(record_key(uri), None, kind, time_us, undone=True)
    record = commit.record  # ``isinstance`` costs four times as much where the answer is no
    if kind is None:
        post = record if type(record) is _Post else _decoded(record, _post)
        return _new_post(uri, did, time_us, post, replaces=operation == "update")
    made = record if type(record) is _Like or type(record) is _Repost else _decoded(record, _subject)
    return Reaction(record_key(uri), record_key(made.subject.uri), kind, time_us)


def notice_of(did: str, time_us: int, account: Account) -> Passing:
    """What ``account``, said at ``time_us``, means for the posts of ``did``."""
    gone = not account.active and account.status in _GONE
    return AccountNotice(time_us, did, author_hash(did), gone) if gone or account.active else Passing(time_us)


def _decoded(record: object, decoder: msgspec.json.Decoder[Record]) -> Record:
    if isinstance(record, msgspec.Raw):
        return decoder.decode(record)
    raise msgspec.ValidationError("the record is not of its collection's type")


def _new_post(uri: str, did: str, time_us: int, post: records.Post, *, replaces: bool) -> NewPost:
    return NewPost(
        id=record_key(uri),
        uri=uri,
        author=did,
        author_hash=author_hash(did),
        time_us=time_us,
        claimed_us=records.claimed_us(post.created_at) if post.created_at else None,
        text=records.clean(post.text[: records.MAX_TEXT]),
        languages=records.languages_of(post) if post.langs else [],
        tags=records.tags_of(post) if post.tags or post.facets else [],
        links=records.links_of(post) if post.facets or post.embed else [],
        reply_to=record_key(post.reply.parent.uri) if post.reply else None,
        replaces=replaces,
    )
