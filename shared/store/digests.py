"""What the reports of pipelines count: topics of a stretch, their posts, and what one source brought. All bounded."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.store.briefing import CandidateRow, CountRow, VoiceRow
from shared.store.database import Statement


class TopicRow(Schema, frozen=True, kw_only=True):
    """A topic in a stretch: ``posts`` counted in its minutes there, ``usual`` what was expected in them.

    ``busiest`` is its busiest minute there. ``new``: it was found in the stretch.
    """

    id: str
    label: str
    terms: list[str]
    status: str
    provisional: bool
    began_at: datetime
    representatives: list[str]
    new: bool
    posts: int
    usual: float
    most: int
    busiest: datetime


#: Topics with posts in [start, end), by how many more than usual.
TOPICS = Statement(
    """SELECT id, label, terms, status, provisional, began_at, representatives::text[],
              detected_at >= %(start)s AND detected_at < %(end)s AS new, posts, usual, most, busiest
         FROM topic JOIN (
           SELECT topic, sum(posts)::bigint AS posts, sum(usual)::float8 AS usual, max(posts) AS most,
                  (array_agg(minute ORDER BY posts DESC, minute))[1] AS busiest
             FROM topic_minute WHERE minute >= %(start)s AND minute < %(end)s AND posts > 0
            GROUP BY topic) AS counted ON counted.topic = topic.id
        ORDER BY posts - usual DESC, id LIMIT %(limit)s""",
    TopicRow,
)


class TopicCounts(Schema, frozen=True, kw_only=True):
    """Topics of a stretch: all, and those found in it."""

    topics: int
    new: int


TOPIC_COUNTS = Statement(
    """SELECT count(*) AS topics,
              count(*) FILTER (WHERE detected_at >= %(start)s AND detected_at < %(end)s) AS new
         FROM topic WHERE EXISTS (
           SELECT FROM topic_minute AS m
            WHERE m.topic = topic.id AND m.minute >= %(start)s AND m.minute < %(end)s AND posts > 0)""",
    TopicCounts,
)

#: A post as ``briefing.CandidateRow``.
_CANDIDATE = """id, uri, author, event_time, left(text, 2000) AS text, languages, terms, fingerprint,
                reply_to IS NOT NULL AS reply, likes, reposts, id = ANY(%(chosen)s::uuid[]) AS chosen"""

#: Posts of a topic in [start, end): the newest, and those that the momentum engine chose.
TOPIC_POSTS = Statement(
    f"""SELECT {_CANDIDATE} FROM every_post
         WHERE deleted_at IS NULL AND event_time >= %(start)s AND event_time < %(end)s AND id IN (
           (SELECT post FROM topic_post WHERE topic = %(topic)s AND event_time >= %(start)s AND event_time < %(end)s
             ORDER BY event_time DESC LIMIT %(limit)s) UNION SELECT unnest(%(chosen)s::uuid[]))""",
    CandidateRow,
)


class AuthorCount(Schema, frozen=True, kw_only=True):
    """Accounts."""

    authors: int


TOPIC_AUTHORS = Statement(
    """SELECT count(DISTINCT author_hash) AS authors FROM every_post
        WHERE deleted_at IS NULL AND event_time >= %(start)s AND event_time < %(end)s AND id IN (
          SELECT post FROM topic_post WHERE topic = %(topic)s AND event_time >= %(start)s AND event_time < %(end)s
           ORDER BY event_time DESC LIMIT 5000)""",
    AuthorCount,
)


class BeganRow(Schema, frozen=True, kw_only=True):
    """The first minute that was counted."""

    began: datetime | None


#: Of one feed, or of all.
BEGAN = Statement(
    """SELECT min(minute) AS began FROM feed, LATERAL (
         SELECT minute FROM feed_minute WHERE feed_minute.feed = feed.id ORDER BY minute LIMIT 1) AS first
        WHERE %(feed)s::text IS NULL OR feed.id = %(feed)s""",
    BeganRow,
)


class AlertRow(Schema, frozen=True, kw_only=True):
    """A watch and its alerts in a stretch."""

    name: str
    alerts: int


ALERTS = Statement(
    """SELECT watch.name, count(*) AS alerts FROM alert JOIN watch ON watch.id = alert.watch
        WHERE alert.at >= %(start)s AND alert.at < %(end)s
        GROUP BY watch.id, watch.name ORDER BY alerts DESC, watch.name LIMIT %(limit)s""",
    AlertRow,
)

# --- one source ---------------------------------------------------------------------------------------

#: Posts of a source that are looked at, the newest of the stretch; of a domain, among so many with links.
LOOKED_AT, LINKED_LOOKED_AT = 20_000, 200_000
_COLUMNS = "id, author, author_hash, feed, event_time, text, languages, links, fingerprint, reply_to"
_STRETCH = "deleted_at IS NULL AND event_time >= %(start)s AND event_time < %(end)s"
_NEWEST = f"ORDER BY event_time DESC, id DESC LIMIT {LOOKED_AT}"
_SITE = r"lower(substring(link from '^https?://(?:www\.)?([^/?#:@]+)'))"

#: The kinds of source, as the posts that are looked at.
SOURCES = {
    "feed": f"SELECT {_COLUMNS} FROM every_post WHERE feed = %(source)s AND {_STRETCH} {_NEWEST}",
    "author": f"""SELECT {_COLUMNS} FROM every_post
                   WHERE author_hash = %(hash)s AND author = %(source)s AND {_STRETCH} {_NEWEST}""",
    "domain": f"""SELECT {_COLUMNS} FROM (
                    SELECT {_COLUMNS} FROM every_post WHERE links <> '{{}}' AND {_STRETCH}
                     ORDER BY event_time DESC, id DESC LIMIT {LINKED_LOOKED_AT}) AS linked
                   WHERE EXISTS (SELECT FROM unnest(links) AS link
                                  WHERE {_SITE} = %(source)s OR {_SITE} LIKE '%%.' || %(source)s)
                   {_NEWEST}""",
}


class SourceRow(Schema, frozen=True, kw_only=True):
    """A source's posts in figures. ``copies``: posts whose wording an earlier one of them had."""

    posts: int
    authors: int
    first: datetime | None
    last: datetime | None
    replies: int
    linked: int
    copies: int


class CopyRow(Schema, frozen=True, kw_only=True):
    """A wording that came more than once: its first post, and how many there were from how many accounts."""

    id: str
    posts: int
    authors: int


class HourRow(Schema, frozen=True, kw_only=True):
    """Posts in one bucket."""

    start: datetime
    posts: int


def _of(kind: str, select: str) -> str:
    return f"WITH looked AS MATERIALIZED ({SOURCES[kind]}) {select}"


FIGURES = {
    kind: Statement(
        _of(
            kind,
            """SELECT count(*) AS posts, count(DISTINCT author_hash) AS authors, min(event_time) AS first,
                      max(event_time) AS last, count(reply_to) AS replies,
                      count(*) FILTER (WHERE links <> '{}') AS linked,
                      count(*) FILTER (WHERE fingerprint <> 0)
                        - count(DISTINCT fingerprint) FILTER (WHERE fingerprint <> 0) AS copies FROM looked""",
        ),
        SourceRow,
    )
    for kind in SOURCES
}
VOICES = {
    kind: Statement(
        _of(
            kind,
            """SELECT author, count(*)::integer AS posts FROM looked
                GROUP BY author ORDER BY posts DESC, author LIMIT %(limit)s""",
        ),
        VoiceRow,
    )
    for kind in SOURCES
}
LANGUAGES = {
    kind: Statement(
        _of(
            kind,
            """SELECT value, count(*)::integer AS posts, count(DISTINCT author_hash)::integer AS authors
                 FROM looked, LATERAL (
                   SELECT DISTINCT split_part(lower(tag), '-', 1) FROM unnest(languages) AS tag) AS spoken (value)
                GROUP BY value ORDER BY posts DESC, value LIMIT %(limit)s""",
        ),
        CountRow,
    )
    for kind in SOURCES
}
SITES = {
    kind: Statement(
        _of(
            kind,
            f"""SELECT value, count(*)::integer AS posts, count(DISTINCT author_hash)::integer AS authors
                  FROM looked, LATERAL (SELECT DISTINCT {_SITE} FROM unnest(links) AS link) AS linked (value)
                 WHERE value <> '' GROUP BY value ORDER BY posts DESC, value LIMIT %(limit)s""",
        ),
        CountRow,
    )
    for kind in SOURCES
}
COPIES = {
    kind: Statement(
        _of(
            kind,
            """SELECT (array_agg(id ORDER BY event_time, id))[1]::text AS id, count(*) AS posts,
                      count(DISTINCT author_hash) AS authors
                 FROM looked WHERE fingerprint <> 0 GROUP BY fingerprint HAVING count(*) > 1
                ORDER BY posts DESC, 1 LIMIT %(limit)s""",
        ),
        CopyRow,
    )
    for kind in SOURCES
}
HOURS = {
    kind: Statement(
        _of(
            kind,
            """SELECT date_bin(make_interval(mins => %(minutes)s), event_time, %(start)s::timestamptz) AS start,
                      count(*) AS posts FROM looked GROUP BY 1 ORDER BY 1""",
        ),
        HourRow,
    )
    for kind in SOURCES
}
#: Candidates for quotes among the newest.
POSTS = {
    kind: Statement(
        _of(
            kind,
            f"""SELECT {_CANDIDATE} FROM every_post AS post WHERE deleted_at IS NULL AND id IN (
                  SELECT id FROM looked ORDER BY event_time DESC, id DESC LIMIT %(limit)s)""",
        ),
        CandidateRow,
    )
    for kind in SOURCES
}

#: Posts by their ids, whatever became of them.
BY_ID = Statement(
    f"SELECT {_CANDIDATE} FROM every_post WHERE deleted_at IS NULL AND id = ANY(%(ids)s::uuid[])", CandidateRow
)


class FeedHealth(Schema, frozen=True, kw_only=True):
    """How a feed was in a stretch: connections that ended, frames that could not be read, duplicates all its life."""

    kind: str
    drops: int
    refused: int
    duplicates: int
    events: int


FEED_HEALTH = Statement(
    """SELECT kind,
              (SELECT count(*) FROM feed_drop
                WHERE feed_drop.feed = feed.id AND ended_at >= %(start)s AND ended_at < %(end)s) AS drops,
              (SELECT coalesce(sum(times), 0)::bigint FROM quarantine
                WHERE quarantine.feed = feed.id AND received_at >= %(start)s AND received_at < %(end)s) AS refused,
              coalesce(duplicates, 0) AS duplicates, coalesce(events, 0) AS events
         FROM feed LEFT JOIN feed_cursor ON feed_cursor.feed = feed.id WHERE feed.id = %(feed)s""",
    FeedHealth,
)
