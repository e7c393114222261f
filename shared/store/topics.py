"""Topics: what interfaces read and what the momentum job writes."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.topic import Topic
from shared.store.database import Command, Statement


class TopicRow(Schema, frozen=True, kw_only=True):
    """A topic as stored, with the ids of its representative posts."""

    id: str
    label: str
    terms: list[str]
    status: str
    score: float
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
    representatives: list[str]
    peak_at: datetime | None = None
    peak_posts: int = 0
    decay: float = 0.0

    def topic(self, spark: list[int | None]) -> Topic:
        """The topic as interfaces show it."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "representatives"}
        return Topic(**fields, spark=spark)


class Minute(Schema, frozen=True, kw_only=True):
    """One stored minute of one topic."""

    topic: str
    minute: datetime
    posts: int
    authors: int
    usual: float


_COLUMNS = """id, label, terms, status, score, posts_hour, authors_hour, usual_hour, ratio, provisional,
       began_at, detected_at, updated_at, languages, why, representatives::text[],
       peak_at, peak_posts, decay"""

#: Topics that have not ended, by score, highest first.
LIVE = Statement(
    f"SELECT {_COLUMNS} FROM topic WHERE status <> 'ended' ORDER BY score DESC, id LIMIT %(limit)s", TopicRow
)
ONE = Statement(f"SELECT {_COLUMNS} FROM topic WHERE id = %(id)s", TopicRow)

#: Topics that share the most posts with ``id``, of those not much older.
RELATED = Statement(
    f"""SELECT {_COLUMNS} FROM topic JOIN (
          SELECT other.topic, count(*) AS shared FROM (
              SELECT post FROM topic_post WHERE topic = %(id)s ORDER BY event_time DESC LIMIT 500) AS mine
            JOIN topic_post AS other USING (post) WHERE other.topic <> %(id)s
           GROUP BY other.topic ORDER BY shared DESC, other.topic LIMIT %(limit)s) AS near ON near.topic = topic.id
        ORDER BY near.shared DESC, id""",
    TopicRow,
)

#: Minutes of several topics in [start, end).
MINUTES = Statement(
    """SELECT topic, minute, posts, authors, usual FROM topic_minute
        WHERE topic = ANY(%(topics)s) AND minute >= %(start)s AND minute < %(end)s ORDER BY topic, minute""",
    Minute,
)


class First(Schema, frozen=True, kw_only=True):
    """The earliest minute stored."""

    minute: datetime | None


FIRST_MINUTE = Statement("SELECT min(minute) AS minute FROM topic_minute WHERE topic = %(topic)s", First)

UPSERT = Command(
    """INSERT INTO topic (id, label, terms, status, score, posts_hour, authors_hour, usual_hour, ratio, provisional,
                          began_at, detected_at, updated_at, languages, why, representatives,
                          peak_at, peak_posts, decay)
       VALUES (%(id)s, %(label)s, %(terms)s, %(status)s, %(score)s, %(posts_hour)s, %(authors_hour)s, %(usual_hour)s,
               %(ratio)s, %(provisional)s, %(began_at)s, %(detected_at)s, %(updated_at)s, %(languages)s, %(why)s,
               %(representatives)s::uuid[], %(peak_at)s, %(peak_posts)s, %(decay)s)
       ON CONFLICT (id) DO UPDATE SET
         label = excluded.label, terms = excluded.terms, status = excluded.status, score = excluded.score,
         posts_hour = excluded.posts_hour, authors_hour = excluded.authors_hour, usual_hour = excluded.usual_hour,
         ratio = excluded.ratio, provisional = excluded.provisional, began_at = excluded.began_at,
         updated_at = excluded.updated_at, languages = excluded.languages, why = excluded.why,
         representatives = excluded.representatives, peak_at = excluded.peak_at, peak_posts = excluded.peak_posts,
         decay = excluded.decay"""
)
#: Every topic the engine no longer follows has ended.
END_OTHERS = Command(
    "UPDATE topic SET status = 'ended', decay = 1, updated_at = %(at)s WHERE status <> 'ended' AND id <> ALL(%(live)s)"
)
#: Arrays side by side: one row each. Minutes and posts of topics that are not stored are left out.
PUT_MINUTES = Command(
    """INSERT INTO topic_minute (topic, minute, posts, authors, usual)
       SELECT new.* FROM unnest(%(topics)s::text[], %(minutes)s::timestamptz[], %(posts)s::integer[],
                                %(authors)s::integer[], %(usual)s::float8[])
                      AS new (topic, minute, posts, authors, usual) JOIN topic ON topic.id = new.topic
       ON CONFLICT (topic, minute) DO UPDATE SET
         posts = excluded.posts, authors = excluded.authors, usual = excluded.usual"""
)
PUT_POSTS = Command(
    """INSERT INTO topic_post (topic, post, event_time)
       SELECT new.* FROM unnest(%(topics)s::text[], %(posts)s::uuid[], %(times)s::timestamptz[])
                      AS new (topic, post, event_time) JOIN topic ON topic.id = new.topic
       ON CONFLICT (topic, post) DO NOTHING"""
)
#: A post its author deleted belongs to no topic.
FORGET_POSTS = Command("DELETE FROM topic_post WHERE post = ANY(%(posts)s::uuid[])")
#: Topics that hold ``post``, strongest first.
OF_POST = Statement(
    f"""SELECT {_COLUMNS} FROM topic WHERE id IN (SELECT topic FROM topic_post WHERE post = %(post)s)
         ORDER BY score DESC, id LIMIT 20""",
    TopicRow,
)
SOME = Statement(f"SELECT {_COLUMNS} FROM topic WHERE id = ANY(%(topics)s)", TopicRow)
#: Ended topics, last ended first; after the place of ``time`` and ``id`` unless they are NULL.
ENDED = Statement(
    f"""SELECT {_COLUMNS} FROM topic
         WHERE status = 'ended' AND (%(time)s::timestamptz IS NULL OR (updated_at, id) < (%(time)s, %(id)s))
         ORDER BY updated_at DESC, id DESC LIMIT %(limit)s""",
    TopicRow,
)
#: Topics, ended ones too, of which a term or the label holds ``text``; live ones first, then by their end.
FIND = Statement(
    f"""SELECT {_COLUMNS} FROM topic
         WHERE strpos(lower(label), lower(%(text)s)) > 0
            OR EXISTS (SELECT FROM unnest(terms) AS term WHERE strpos(lower(term), lower(%(text)s)) > 0)
         ORDER BY status = 'ended', updated_at DESC, id LIMIT %(limit)s""",
    TopicRow,
)
