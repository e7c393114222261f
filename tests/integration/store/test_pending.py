"""Posts that want a vector: the newest first, each until it is done, none that is gone."""

from __future__ import annotations

from uuid import UUID

import pytest

from shared.store import pending
from shared.store.database import Command, Database
from shared.store.pending import PendingPost

ADD = Command(
    """WITH added AS (
         INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages)
         VALUES (%(id)s, 'sky', %(id)s::text, 'someone', 1, now(), %(text)s, '{en,pt}')
         RETURNING id, seq
       ) INSERT INTO embedding_pending (post, seq) SELECT id, seq FROM added"""
)


@pytest.fixture
def posts(database: Database) -> list[UUID]:
    """Four posts, the oldest first, all pending."""
    database.execute(Command("INSERT INTO feed (id, kind, url) VALUES ('sky', 'jetstream', '')"))
    ids = [UUID(int=number) for number in (7, 3, 9, 1)]
    for place, identity in enumerate(ids):
        database.execute(ADD, {"id": identity, "text": f"post {place}"})
    return ids


def take(database: Database, limit: int = 10) -> list[PendingPost]:
    return database.fetch(pending.TAKE, {"limit": limit, "index": 0, "count": 1})


def done(database: Database, taken: list[PendingPost]) -> int:
    params = {"posts": [post.id for post in taken], "versions": [post.version for post in taken]}
    return database.execute(pending.DONE, params)


def count(database: Database) -> int:
    return database.fetch(pending.COUNT)[0].count


def test_the_newest_are_taken_first(database: Database, posts: list[UUID]) -> None:
    taken = take(database, 2)
    assert [post.id for post in taken] == [posts[3], posts[2]]
    assert (taken[0].text, taken[0].feed, taken[0].languages) == ("post 3", "sky", ["en", "pt"])


def test_taking_removes_nothing_and_done_removes_what_was_taken(database: Database, posts: list[UUID]) -> None:
    taken = take(database, 3)
    assert count(database) == 4
    assert done(database, taken) == 3
    assert done(database, taken) == 0
    assert [post.id for post in take(database)] == [posts[0]]


def test_a_post_edited_since_it_was_taken_stays_pending(database: Database, posts: list[UUID]) -> None:
    taken = take(database)
    database.execute(Command("UPDATE post SET text = 'edited' WHERE id = %(id)s"), {"id": posts[1]})
    done(database, taken)
    assert [(post.id, post.text) for post in take(database)] == [(posts[1], "edited")]


def test_a_deleted_post_is_not_taken_and_is_named_as_gone(database: Database, posts: list[UUID]) -> None:
    database.execute(Command("UPDATE post SET deleted_at = now() WHERE id = %(id)s"), {"id": posts[3]})
    database.execute(Command("DELETE FROM post WHERE id = %(id)s"), {"id": posts[2]})
    assert [post.id for post in take(database)] == [posts[1], posts[0]]
    gone = database.fetch(pending.GONE, {"posts": posts})
    assert {row.id for row in gone} == {posts[2], posts[3]}
    assert database.execute(pending.FORGET_GONE) == 2
    assert count(database) == 2
