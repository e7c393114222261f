"""Jetstream v1 as strict types, written from the protocol's description: anything else is an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Did = Annotated[str, Meta(pattern=r"^did:plc:[a-z2-7]{24}$")]
Tid = Annotated[str, Meta(pattern=r"^[234567abcdefghij][234567a-z]{12}$")]
Cid = Annotated[str, Meta(pattern=r"^bafyrei[a-h][a-z2-7]{50}[aeimquy4]$")]
PostUri = Annotated[str, Meta(pattern=r"^at://did:plc:[a-z2-7]{24}/app\.bsky\.feed\.post/[2-7a-z]{13}$")]
Moment = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2}$")]


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Unknown fields are errors here, unlike for a real reader."""


class Subject(Strict):
    uri: PostUri
    cid: Cid


class Reply(Strict):
    root: Subject
    parent: Subject


class Range(Strict):
    byte_start: int
    byte_end: int


class Feature(Strict):
    type: Literal["app.bsky.richtext.facet#link", "app.bsky.richtext.facet#tag"] = msgspec.field(name="$type")
    uri: str | None = None
    tag: str | None = None


class Facet(Strict):
    type: Literal["app.bsky.richtext.facet"] = msgspec.field(name="$type")
    index: Range
    features: list[Feature]


class Post(Strict, tag_field="$type", tag="app.bsky.feed.post"):
    text: Annotated[str, Meta(max_length=300)]
    created_at: Moment
    langs: Annotated[list[Language], Meta(max_length=3)] = []
    tags: Annotated[list[str], Meta(max_length=8)] = []
    labels: dict[str, Any] = {}
    reply: Reply | None = None
    embed: dict[str, Any] | None = None
    facets: list[Facet] = []


class Like(Strict, tag_field="$type", tag="app.bsky.feed.like"):
    subject: Subject
    created_at: Moment


class Repost(Strict, tag_field="$type", tag="app.bsky.feed.repost"):
    subject: Subject
    created_at: Moment


class Follow(Strict, tag_field="$type", tag="app.bsky.graph.follow"):
    subject: Did
    created_at: Moment


class Profile(Strict, tag_field="$type", tag="app.bsky.actor.profile"):
    display_name: str
    created_at: Moment


class Create(Strict, tag_field="operation", tag="create"):
    rev: Tid
    collection: str
    rkey: Tid
    record: Post | Like | Repost | Follow
    cid: Cid


class Update(Strict, tag_field="operation", tag="update"):
    rev: Tid
    collection: Literal["app.bsky.actor.profile"]
    rkey: Literal["self"]
    record: Profile
    cid: Cid


class Delete(Strict, tag_field="operation", tag="delete"):
    rev: Tid
    collection: Literal["app.bsky.feed.post", "app.bsky.feed.like"]
    rkey: Tid


class Identity(Strict, rename=None):
    did: Did
    seq: int
    time: Moment
    handle: str | None = None


class Account(Strict, rename=None):
    did: Did
    seq: int
    time: Moment
    active: bool
    status: Literal["takendown", "suspended", "deleted", "deactivated", "desynchronized", "throttled"] | None = None


class CommitFrame(Strict, tag_field="kind", tag="commit", rename=None):
    did: Did
    time_us: int
    commit: Create | Update | Delete


class IdentityFrame(Strict, tag_field="kind", tag="identity", rename=None):
    did: Did
    time_us: int
    identity: Identity


class AccountFrame(Strict, tag_field="kind", tag="account", rename=None):
    did: Did
    time_us: int
    account: Account


Frame = CommitFrame | IdentityFrame | AccountFrame
decoder = msgspec.json.Decoder(Frame)


def decode(frame: bytes | str) -> Frame:
    """Decode one frame; raises ``msgspec.ValidationError`` for anything the protocol does not say."""
    return decoder.decode(frame)


def uri(frame: CommitFrame) -> str:
    """Address of the record a commit is about."""
    return f"at://{frame.did}/{frame.commit.collection}/{frame.commit.rkey}"
