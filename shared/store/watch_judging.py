"""What the job that judges watches reads and writes, and what backtests read of the record's extent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.schemas.base import Schema
from shared.store.database import Command, Statement
from shared.store.matching import Condition


class Due(Schema, frozen=True, kw_only=True):
    """A watch that is not paused. ``state`` is the open episode, as the judge left it."""

    id: str
    name: str
    rule: dict[str, Any]
    revision: int
    armed_at: datetime
    snoozed_until: datetime | None
    evaluated_to: datetime | None
    state: dict[str, Any]
    told_topics: dict[str, Any]
    degraded: str | None


class Known(Schema, frozen=True, kw_only=True):
    """Matching posts of a minute as they were judged."""

    minute: datetime
    posts: int


class Extent(Schema, frozen=True, kw_only=True):
    """From where to where the record reaches, in event time. Posts up to ``cold_to`` have no vectors any more."""

    data_from: datetime | None
    data_to: datetime | None
    cold_to: datetime | None


class Touched(Schema, frozen=True, kw_only=True):
    """A topic that holds ``posts`` matching posts by ``authors``; ``posts_hour`` counts all of its own."""

    id: str
    label: str
    detected_at: datetime
    updated_at: datetime
    posts_hour: int
    posts: int
    authors: int


class Held(Schema, frozen=True, kw_only=True):
    """The watch is still what was judged, and locked until the transaction ends."""

    id: str


class Waiting(Schema, frozen=True, kw_only=True):
    """Posts of a stretch that have no vector yet, and whether the stretch is younger than our patience."""

    posts: int
    young: bool


#: Watches to judge: those furthest behind first.
DUE = Statement(
    """SELECT id::text, name, rule, revision, armed_at, snoozed_until, evaluated_to, state, told_topics, degraded
         FROM watch WHERE NOT paused ORDER BY evaluated_to NULLS FIRST, id""",
    Due,
)
MINUTES = Statement(
    "SELECT minute, posts FROM watch_minute WHERE watch = %(watch)s AND minute >= %(start)s ORDER BY minute", Known
)
#: First and last stored event of ``feeds``, or of all when it is ``None``.
EXTENT = Statement(
    """SELECT (SELECT min(minute) FROM feed_minute
                WHERE %(feeds)s::text[] IS NULL OR feed = ANY(%(feeds)s)) AS data_from,
              (SELECT max(event_time) FROM feed_cursor
                WHERE %(feeds)s::text[] IS NULL OR feed = ANY(%(feeds)s)) AS data_to,
              (SELECT max(event_time) FROM post_archive) AS cold_to""",
    Extent,
)
WAITING = Statement(
    """SELECT count(*) AS posts, %(end)s > now() - make_interval(secs => %(patience_seconds)s) AS young
         FROM (SELECT FROM embedding_pending JOIN post ON post.id = embedding_pending.post
                WHERE event_time >= %(start)s AND event_time < %(end)s AND deleted_at IS NULL LIMIT 1000) AS waiting""",
    Waiting,
)

#: Fewer matching posts do not make a topic one of the watch's.
TOUCH_POSTS = 3


def live_topics(where: Condition) -> Statement[Touched]:
    """Topics going on that hold matching posts of their last hour."""
    return Statement(
        f"""WITH told AS (SELECT post, topic_post.event_time FROM topic_post JOIN topic ON topic.id = topic_post.topic
                           WHERE status <> 'ended' AND topic_post.event_time >= updated_at - interval '1 hour'),
                 matched AS (SELECT id, author_hash FROM every_post AS post
                              WHERE (id, event_time) IN (SELECT post, event_time FROM told) AND {where.sql})
            SELECT topic.id, label, detected_at, updated_at, posts_hour, count(*) AS posts,
                   count(DISTINCT matched.author_hash) AS authors
              FROM topic JOIN topic_post ON topic_post.topic = topic.id JOIN matched ON matched.id = topic_post.post
             WHERE status <> 'ended'
             GROUP BY topic.id HAVING count(*) >= %(least)s ORDER BY posts DESC, topic.id LIMIT 50""",
        Touched,
    )


class Lived(Schema, frozen=True, kw_only=True):
    """A topic followed from ``detected_at`` to ``ended_at`` (``None``: still) that holds ``posts`` that match.

    ``minutes`` (since 1970) are those with matching posts, ``matched`` how many in each.
    """

    id: str
    label: str
    detected_at: datetime
    ended_at: datetime | None
    posts: int
    minutes: list[int]
    matched: list[int]


class TopicMinute(Schema, frozen=True, kw_only=True):
    """All posts of a topic in one minute (whole minutes since 1970)."""

    topic: str
    minute: int
    posts: int


def past_topics(where: Condition) -> Statement[Lived]:
    """Topics followed within [``start``, ``end``) that hold at least ``least`` matching posts: those with the most."""
    return Statement(
        f"""WITH followed AS (
              SELECT id, label, detected_at, CASE WHEN status = 'ended' THEN updated_at END AS ended_at FROM topic
               WHERE detected_at < %(end)s AND (status <> 'ended' OR updated_at >= %(start)s)),
            matched AS (
              SELECT id, event_time FROM every_post AS post
               WHERE (id, event_time) IN (SELECT post, topic_post.event_time
                                            FROM topic_post JOIN followed ON followed.id = topic_post.topic)
                 AND {where.sql}),
            counted AS (
              SELECT topic, floor(extract(epoch FROM matched.event_time) / 60)::integer AS minute, count(*) AS posts
                FROM topic_post JOIN matched ON matched.id = topic_post.post GROUP BY 1, 2)
            SELECT followed.id, label, detected_at, ended_at, sum(posts)::integer AS posts,
                   array_agg(minute ORDER BY minute) AS minutes, array_agg(posts ORDER BY minute) AS matched
              FROM followed JOIN counted ON counted.topic = followed.id
             GROUP BY 1, 2, 3, 4 HAVING sum(posts) >= %(least)s ORDER BY 5 DESC, 1 LIMIT 50""",
        Lived,
    )


#: Minutes of ``topics`` in [``start``, ``end``).
TOPIC_MINUTES = Statement(
    """SELECT topic, floor(extract(epoch FROM minute) / 60)::integer AS minute, posts FROM topic_minute
        WHERE topic = ANY(%(topics)s) AND minute >= %(start)s AND minute < %(end)s ORDER BY topic, minute""",
    TopicMinute,
)

#: Nobody may change the rule until the transaction ends. No row: it was changed, paused or removed meanwhile.
HOLD = Statement(
    """SELECT id::text FROM watch WHERE id = %(watch)s AND revision = %(revision)s AND NOT paused
          AND evaluated_to IS NOT DISTINCT FROM %(before)s FOR UPDATE""",
    Held,
)
MOVE = Command(
    """UPDATE watch SET evaluated_to = %(evaluated_to)s, state = %(state)s::jsonb,
                        told_topics = %(told_topics)s::jsonb, degraded = %(degraded)s
        WHERE id = %(watch)s"""
)
PUT_MINUTES = Command(
    """INSERT INTO watch_minute (watch, minute, posts)
       SELECT %(watch)s, new.* FROM unnest(%(minutes)s::timestamptz[], %(posts)s::integer[]) AS new (minute, posts)
       ON CONFLICT (watch, minute) DO UPDATE SET posts = excluded.posts"""
)
DEGRADE = Command("UPDATE watch SET degraded = %(degraded)s WHERE id = %(watch)s AND revision = %(revision)s")
