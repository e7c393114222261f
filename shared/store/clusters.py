"""Clusters: what their job reads of the record and writes, and what interfaces read."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from shared.schemas.base import Schema
from shared.schemas.cluster import ClusterState
from shared.store.database import Command, Statement
from shared.store.posts import PostRow


class Window(Schema, frozen=True, kw_only=True):
    """The newest stored event, and how many posts the time before it holds."""

    until: datetime | None
    posts: int


class Sampled(msgspec.Struct, frozen=True):
    """A post of the window."""

    id: UUID


class PostSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What grouping needs of a post."""

    id: UUID
    time_us: int
    author: int
    fingerprint: int
    language: str
    terms: list[str]


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """How many posts a cluster has in common with a live topic."""

    cluster: str
    topic: str
    label: str
    shared: int


class State(Schema, frozen=True, kw_only=True):
    """What the last refresh was made of; ``newest`` is the newest stored event now."""

    as_of: datetime | None
    posts: int
    sampled: int
    compared: int
    scattered: int
    state: ClusterState
    reason: str | None
    newest: datetime | None


class Kept(Schema, frozen=True, kw_only=True):
    """Where the next refresh begins."""

    model: str
    snapshot: bytes | None


class ClusterRow(Schema, frozen=True, kw_only=True):
    """``told`` is a ``ClusterTold``."""

    id: str
    told: dict[str, Any]


_NEWEST = "(SELECT max(event_time) FROM feed_cursor)"

WINDOW = Statement(
    f"""SELECT newest.until, (SELECT count(*) FROM post
               WHERE deleted_at IS NULL AND event_time > newest.until - make_interval(mins => %(minutes)s)
                 AND event_time <= newest.until) AS posts
         FROM (SELECT {_NEWEST} AS until) AS newest""",
    Window,
)
#: Ids are hashes, so those up to a bound are an even sample, and the same ones from one refresh to the next.
SAMPLE = Statement(
    """SELECT id FROM post
        WHERE deleted_at IS NULL AND event_time > %(since)s AND event_time <= %(until)s AND id <= %(bound)s
        ORDER BY event_time DESC, post.id DESC LIMIT %(limit)s""",
    Sampled,
)
SEEN = Statement(
    """SELECT id, (extract(epoch FROM event_time) * 1000000)::bigint AS time_us, author_hash AS author, fingerprint,
              lower(split_part(coalesce(languages[1], ''), '-', 1)) AS language, terms
         FROM post WHERE id = ANY(%(posts)s) AND deleted_at IS NULL""",
    PostSeen,
)
#: ``clusters`` and ``posts`` side by side: what live topics have of them.
TOPICS = Statement(
    """SELECT own.cluster, topic.id AS topic, topic.label, count(*) AS shared
         FROM unnest(%(clusters)s::text[], %(posts)s::uuid[]) AS own (cluster, post)
         JOIN topic_post ON topic_post.post = own.post
         JOIN topic ON topic.id = topic_post.topic AND topic.status <> 'ended'
        GROUP BY own.cluster, topic.id, topic.label ORDER BY shared DESC, topic.id""",
    Shared,
)

LOAD = Statement("SELECT model, snapshot FROM cluster_state", Kept)
SAVE = Command(
    """INSERT INTO cluster_state (one, model, snapshot, as_of, posts, sampled, compared, scattered, state, reason)
       VALUES (true, %(model)s, %(snapshot)s, %(as_of)s, %(posts)s, %(sampled)s, %(compared)s, %(scattered)s,
               %(state)s, %(reason)s)
       ON CONFLICT (one) DO UPDATE SET
         model = excluded.model, snapshot = excluded.snapshot, as_of = excluded.as_of, posts = excluded.posts,
         sampled = excluded.sampled, compared = excluded.compared, scattered = excluded.scattered,
         state = excluded.state, reason = excluded.reason, updated_at = now()"""
)
#: What was made before stays, and it is said why nothing new comes.
SAY = Command(
    """INSERT INTO cluster_state (one, state, reason) VALUES (true, %(state)s, %(reason)s)
       ON CONFLICT (one) DO UPDATE SET state = excluded.state, reason = excluded.reason, updated_at = now()"""
)
END_OTHERS = Command("DELETE FROM cluster WHERE id <> ALL(%(live)s)")
PUT = Command(
    """INSERT INTO cluster (id, told, posts) VALUES (%(id)s, %(told)s::jsonb, %(posts)s)
       ON CONFLICT (id) DO UPDATE SET told = excluded.told, posts = excluded.posts"""
)

STATE = Statement(
    f"""SELECT as_of, posts, sampled, compared, scattered, state, reason, {_NEWEST} AS newest FROM cluster_state""",
    State,
)
#: Largest first.
ALL = Statement("SELECT id, told FROM cluster ORDER BY (told->>'posts')::integer DESC, id", ClusterRow)
ONE = Statement("SELECT id, told FROM cluster WHERE id = %(id)s", ClusterRow)

_MEMBERS = """SELECT post.id::text, feed, uri, author, event_time AS time, claimed_time, text, languages, tags, links,
                     reply_to::text, likes, reposts
                FROM post WHERE deleted_at IS NULL
                 AND post.id = ANY((SELECT posts FROM cluster WHERE cluster.id = %(cluster)s)::uuid[])"""
_NEWEST_FIRST = "ORDER BY event_time DESC, post.id DESC LIMIT %(limit)s"
#: Posts of a cluster, newest first; deleted ones are left out.
MEMBERS = Statement(f"{_MEMBERS} {_NEWEST_FIRST}", PostRow)
MEMBERS_BEFORE = Statement(f"{_MEMBERS} AND (event_time, post.id) < (%(time)s, %(id)s) {_NEWEST_FIRST}", PostRow)
