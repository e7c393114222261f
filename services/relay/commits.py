"""What a Bluesky commit or account means, the same in every version of Jetstream. Nothing here does I/O."""

from __future__ import annotations

import msgspec

from services.relay import records
from services.relay.events import LIKE, REPOST, AccountNotice, Event, NewPost, Passing, Reaction, Removal
from shared.contracts.ids import author_hash, post_id, record_key
from shared.errors import MalformedFrame

POST = "app.bsky.feed.post"
REACTIONS = {"app.bsky.feed.like": LIKE, "app.bsky.feed.repost": REPOST}
#: What an account does not come back from, as a rule; deactivated and suspended ones do (decision 0017).
_GONE = frozenset(("deleted", "takendown"))
_OPERATIONS = frozenset(("create", "update", "delete"))

#: Below this a server of the second version reads a cursor as a sequence number (September 2001).
EARLIEST_US = 1_000_000_000_000_000

_post = msgspec.json.Decoder(records.Post)
_subject = msgspec.json.Decoder(records.Subject)


class Commit(msgspec.Struct):
    """The part of a commit we use; deletes carry no record."""

    operation: str
    collection: str
    rkey: str
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


def event_of(did: str, time_us: int, commit: Commit) -> Event:
    """The event that ``did`` committed at ``time_us``. Raises MalformedFrame, and what msgspec raises."""
    if commit.operation not in _OPERATIONS:
        raise MalformedFrame("wrong_type", "the operation is unknown")
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
        return Reaction(record_key(uri), None, kind, time_us, undone=True)
    return Reaction(record_key(uri), record_key(_subject.decode(commit.record).subject.uri), kind, time_us)


def notice_of(did: str, time_us: int, account: Account) -> Passing:
    """What ``account``, said at ``time_us``, means for the posts of ``did``."""
    gone = not account.active and account.status in _GONE
    return AccountNotice(time_us, did, author_hash(did), gone) if gone or account.active else Passing(time_us)


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
