"""What a briefing reads of the record about one topic. Every list is bounded."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.schemas.base import Schema
from shared.store.database import Statement


class TopicRow(Schema, frozen=True, kw_only=True):
    """The topic and the state of the baseline it was judged by. ``read_at`` is the database's now."""

    id: str
    label: str
    terms: list[str]
    status: str
    posts_hour: int
    authors_hour: int
    usual_hour: float
    ratio: float
    provisional: bool
    began_at: datetime
    detected_at: datetime
    updated_at: datetime
    languages: list[str]
    why: str
    representatives: list[UUID]
    baseline_from: datetime | None
    as_of: datetime | None
    read_at: datetime


class MinuteRow(Schema, frozen=True, kw_only=True):
    """One minute of the topic's series (event time)."""

    minute: datetime
    posts: int
    authors: int
    usual: float


class KeptRow(Schema, frozen=True, kw_only=True):
    """Totals over the posts kept as the topic's evidence, deleted ones left out."""

    posts: int
    authors: int
    first_time: datetime | None
    last_time: datetime | None


class VoiceRow(Schema, frozen=True, kw_only=True):
    """One account and how many of the kept posts are its own."""

    author: str
    posts: int


class CountRow(Schema, frozen=True, kw_only=True):
    """How often a value occurs among the kept posts, and from how many accounts."""

    value: str
    posts: int
    authors: int


class CandidateRow(Schema, frozen=True, kw_only=True):
    """A post that could be quoted. ``chosen`` when the momentum engine named it representative."""

    id: UUID
    uri: str
    author: str
    event_time: datetime
    text: str
    languages: list[str]
    terms: list[str]
    fingerprint: int
    reply: bool
    likes: int
    reposts: int
    chosen: bool


class GapRow(Schema, frozen=True, kw_only=True):
    """A stretch of event time a feed could not give us."""

    feed: str
    start_time: datetime
    end_time: datetime
    cause: str


TOPIC = Statement(
    """SELECT topic.id, label, terms, status, posts_hour, authors_hour, usual_hour, ratio, provisional, began_at,
              detected_at, topic.updated_at, languages, why, representatives, baseline_from, as_of, now() AS read_at
         FROM topic LEFT JOIN momentum_state ON true WHERE topic.id = %(topic)s""",
    TopicRow,
)

#: The newest ``limit`` minutes, oldest first.
MINUTES = Statement(
    """SELECT minute, posts, authors, usual FROM (
         SELECT minute, posts, authors, usual FROM topic_minute WHERE topic = %(topic)s
          ORDER BY minute DESC LIMIT %(limit)s) AS newest
        ORDER BY minute""",
    MinuteRow,
)

#: By the time as well as the id: an old post is looked for in its day alone.
_KEPT = """topic_post JOIN every_post AS post ON post.id = topic_post.post AND post.event_time = topic_post.event_time
           WHERE post.deleted_at IS NULL AND topic = %(topic)s"""

KEPT = Statement(
    f"""SELECT count(*)::integer AS posts, count(DISTINCT author_hash)::integer AS authors,
               min(post.event_time) AS first_time, max(post.event_time) AS last_time FROM {_KEPT}""",
    KeptRow,
)

VOICES = Statement(
    f"""SELECT author, count(*)::integer AS posts FROM {_KEPT}
         GROUP BY author ORDER BY posts DESC, author LIMIT %(limit)s""",
    VoiceRow,
)

LANGUAGES = Statement(
    f"""SELECT value, count(*)::integer AS posts, count(DISTINCT author_hash)::integer AS authors
          FROM (SELECT unnest(post.languages) AS value, author_hash FROM {_KEPT}) AS spoken
         GROUP BY value ORDER BY posts DESC, value LIMIT %(limit)s""",
    CountRow,
)

LINKS = Statement(
    f"""SELECT value, count(*)::integer AS posts, count(DISTINCT author_hash)::integer AS authors
          FROM (SELECT unnest(post.links) AS value, author_hash FROM {_KEPT}) AS shared
         GROUP BY value ORDER BY authors DESC, posts DESC, value LIMIT %(limit)s""",
    CountRow,
)

_CANDIDATE = """post.id, uri, author, post.event_time, left(text, 2000) AS text, post.languages, post.terms,
                fingerprint, reply_to IS NOT NULL AS reply, likes, reposts, post.id = ANY(%(chosen)s) AS chosen"""

EARLIEST = Statement(
    f"SELECT {_CANDIDATE} FROM {_KEPT} ORDER BY post.event_time, post.id LIMIT %(limit)s", CandidateRow
)

#: Those the momentum engine chose first, then by reactions, then the newest.
CANDIDATES = Statement(
    f"""SELECT {_CANDIDATE} FROM {_KEPT}
         ORDER BY chosen DESC, likes + 2 * reposts DESC, post.event_time DESC, post.id LIMIT %(limit)s""",
    CandidateRow,
)

#: Gaps of any feed that touch the stretch, oldest first.
GAPS = Statement(
    """SELECT feed, start_time, end_time, cause FROM feed_gap
        WHERE start_time < %(end)s AND end_time > %(start)s ORDER BY start_time LIMIT %(limit)s""",
    GapRow,
)
