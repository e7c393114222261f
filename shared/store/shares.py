"""What many posts are made of: languages, tags, sites, feeds, people; counted over a bounded number of posts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.schemas.author import Share
from shared.schemas.base import Schema
from shared.store.authors import LOOKED_AT, TOPIC_LOOKED_AT
from shared.store.database import Statement

Kind = Literal["language", "tag", "site", "feed", "author"]
#: Posts of a stretch that are looked at, the newest.
STRETCH_LOOKED_AT = 20_000

_NAMES: dict[Kind, str] = {
    "language": "SELECT DISTINCT split_part(lower(tag), '-', 1) FROM unnest(languages) AS tag",
    "tag": "SELECT DISTINCT lower(ltrim(tag, '#＃')) FROM unnest(tags) AS tag",
    "site": r"""SELECT DISTINCT lower(substring(link from '^https?://(?:www\.)?([^/?#:@]+)'))
                  FROM unnest(links) AS link""",
    "feed": "SELECT feed",
    "author": "SELECT author",
}
_COLUMNS = "author, author_hash, feed, languages, tags, links, event_time"

_STRETCH = f"""SELECT {_COLUMNS} FROM post
                WHERE deleted_at IS NULL AND event_time > %(start)s AND event_time <= %(end)s
                  AND (%(feed)s::text IS NULL OR feed = %(feed)s)
                ORDER BY event_time DESC, id DESC LIMIT {STRETCH_LOOKED_AT}"""
_TOPIC = f"""SELECT {_COLUMNS} FROM every_post
              WHERE deleted_at IS NULL AND (%(feed)s::text IS NULL OR feed = %(feed)s) AND id IN (
                SELECT post FROM topic_post WHERE topic = %(topic)s
                   AND event_time > %(start)s AND event_time <= %(end)s
                 ORDER BY event_time DESC LIMIT {TOPIC_LOOKED_AT})"""
_AUTHOR = f"""SELECT {_COLUMNS} FROM every_post
               WHERE author_hash = %(hash)s AND author = %(author)s AND deleted_at IS NULL
               ORDER BY event_time DESC, id DESC LIMIT {LOOKED_AT}"""


def _shares(newest: str, kind: Kind) -> Statement[Share]:
    return Statement(
        f"""WITH newest AS MATERIALIZED ({newest})
            SELECT name, count(*) AS posts, count(DISTINCT author_hash) AS authors
              FROM newest, LATERAL ({_NAMES[kind]}) AS named (name) WHERE name <> ''
             GROUP BY name ORDER BY authors DESC, posts DESC, name LIMIT %(limit)s""",
        Share,
    )


_KINDS: tuple[Kind, ...] = ("language", "tag", "site", "feed", "author")
OF_STRETCH = {kind: _shares(_STRETCH, kind) for kind in _KINDS}
OF_TOPIC = {kind: _shares(_TOPIC, kind) for kind in _KINDS}
OF_AUTHOR = {kind: _shares(_AUTHOR, kind) for kind in _KINDS}


class Looked(Schema, frozen=True, kw_only=True):
    """How many posts were looked at."""

    posts: int


LOOKED_AT_STRETCH = Statement(f"SELECT count(*) AS posts FROM ({_STRETCH}) AS newest", Looked)
LOOKED_AT_TOPIC = Statement(f"SELECT count(*) AS posts FROM ({_TOPIC}) AS newest", Looked)


class Newest(Schema, frozen=True, kw_only=True):
    """Event time of the newest post."""

    time: datetime | None


NEWEST = Statement(
    "SELECT (SELECT event_time FROM post WHERE deleted_at IS NULL ORDER BY event_time DESC LIMIT 1) AS time", Newest
)
