"""Reading posts. A deleted post is never given out."""

from __future__ import annotations

from datetime import datetime

from shared.contracts.addresses import post_address
from shared.schemas.base import Schema
from shared.schemas.post import Post
from shared.store.database import Statement


class PostRow(Schema, frozen=True, kw_only=True):
    """A post as stored."""

    id: str
    feed: str
    uri: str
    author: str
    time: datetime
    claimed_time: datetime | None
    text: str
    languages: list[str]
    tags: list[str]
    links: list[str]
    reply_to: str | None
    likes: int
    reposts: int

    def post(self) -> Post:
        """The post as interfaces show it."""
        return Post(
            id=self.id,
            feed=self.feed,
            uri=self.uri,
            url=post_address(self.uri),
            author=self.author,
            time=self.time,
            claimed_time=self.claimed_time,
            text=self.text,
            languages=self.languages,
            tags=self.tags,
            links=self.links,
            reply_to=self.reply_to,
            likes=self.likes,
            reposts=self.reposts,
        )


#: Those of ``PostRow``, of a table named ``post``.
COLUMNS = """post.id::text, feed, uri, author, event_time AS time, claimed_time, text, languages, tags, links,
             reply_to::text, likes, reposts"""
_POST = f"SELECT {COLUMNS} FROM every_post AS post WHERE deleted_at IS NULL"

#: One post by ``id``.
ONE = Statement(f"{_POST} AND id = %(id)s", PostRow)
#: Posts by ``ids``, earliest first.
SOME = Statement(f"{_POST} AND id = ANY(%(ids)s::uuid[]) ORDER BY event_time, post.id", PostRow)

_NEWEST_FIRST = "ORDER BY event_time DESC, post.id DESC LIMIT %(limit)s"
_BEFORE = "AND (event_time, post.id) < (%(time)s, %(id)s)"
_OF_FEED = "AND feed = %(feed)s"

LATEST = Statement(f"{_POST} {_NEWEST_FIRST}", PostRow)
LATEST_BEFORE = Statement(f"{_POST} {_BEFORE} {_NEWEST_FIRST}", PostRow)
LATEST_OF_FEED = Statement(f"{_POST} {_OF_FEED} {_NEWEST_FIRST}", PostRow)
LATEST_OF_FEED_BEFORE = Statement(f"{_POST} {_OF_FEED} {_BEFORE} {_NEWEST_FIRST}", PostRow)
#: Of a topic; after the place of ``time`` and ``id`` unless they are NULL.
OF_TOPIC = Statement(
    f"""SELECT {COLUMNS} FROM (
          SELECT post AS post_id FROM topic_post
           WHERE topic = %(topic)s AND (%(time)s::timestamptz IS NULL OR (event_time, post) < (%(time)s, %(id)s::uuid))
           ORDER BY event_time DESC, post DESC LIMIT %(limit)s) AS wanted
        JOIN every_post AS post ON post.id = post_id
       WHERE deleted_at IS NULL {_NEWEST_FIRST}""",
    PostRow,
)
