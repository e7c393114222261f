"""The index is compared with the record: what lacks is made again, what is too much goes, wherever it is killed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from shared.errors import FencedError, IndexUnavailable
from shared.schemas.base import Schema
from shared.store import vector_models
from shared.store.database import Command, Database, Statement
from shared.vectors.index import Entry, VectorIndex
from shared.vectors.memory import MemoryIndex
from shared.vectors.pgvector import PgvectorIndex
from shared.vectors.qdrant import QdrantIndex, connect
from shared.vectors.repair import Found, Repair
from tests.support.qdrant_server import qdrant_server
from tests.support.vectors import BEGIN, Crowd

MODEL = "model-a"
CROWD = Crowd(40)


class Id(Schema, frozen=True, kw_only=True):
    id: UUID


@pytest.fixture(autouse=True)
def _adopted(database: Database) -> None:
    database.execute(vector_models.ADOPT, {"model": MODEL})


@pytest.fixture(params=["memory", "pgvector", "qdrant"])
def index(request: pytest.FixtureRequest, database: Database) -> Iterator[VectorIndex]:
    if request.param == "qdrant":
        with qdrant_server() as server:
            client = connect(server.url, "")
            yield QdrantIndex(client)
            client.close()
    else:
        yield MemoryIndex() if request.param == "memory" else PgvectorIndex(database)


def put(database: Database, ids: list[UUID], **columns: str) -> None:
    database.execute(Command("INSERT INTO feed (id, kind, url) VALUES ('f', 'jetstream', 'x') ON CONFLICT DO NOTHING"))
    for post in ids:
        database.execute(
            Command(
                """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, deleted_at)
                   VALUES (%(id)s, 'f', %(id)s::text, 'a', 1, now(), %(text)s,
                           CASE WHEN %(deleted)s = 'yes' THEN now() END)"""
            ),
            {"id": post, "text": "words", "deleted": "no", **columns},
        )


def ids(database: Database, table: str) -> set[UUID]:
    return {row.id for row in database.fetch(Statement(f"SELECT post AS id FROM {table}", Id))}  # noqa: S608


def repair(database: Database, index: VectorIndex, holder: str = "me", **sizes: Any) -> Repair:
    return Repair(database, index, holder, **{"batch": 7, "pause": 0.0, **sizes})


def differ(database: Database, index: VectorIndex) -> tuple[set[UUID], set[UUID]]:
    """30 posts and 33 vectors that share 26; (missing, extra)."""
    every = [entry.post for entry in CROWD.entries]
    put(database, every[:30])
    put(database, [every[30]], text="")
    put(database, [every[31]], deleted="yes")
    index.upsert(MODEL, CROWD.entries[4:37], CROWD.vectors[4:37])
    return set(every[:4]), set(every[30:37])


def test_what_lacks_waits_for_a_vector_and_what_is_too_much_is_to_go(database: Database, index: VectorIndex) -> None:
    missing, extra = differ(database, index)
    found = repair(database, index)(threading.Event())
    assert (found.missing, found.extra) == (len(missing), len(extra))
    assert ids(database, "embedding_pending") == missing
    assert ids(database, "vector_removal") == extra
    # and another pass adds nothing to what waits already
    assert repair(database, index)(threading.Event(), every=0.0) == Found(looked=37)


def test_a_pass_that_ended_is_not_due_at_once(database: Database, index: VectorIndex) -> None:
    differ(database, index)
    repair(database, index)(threading.Event())
    assert repair(database, index)(threading.Event()) == Found()


def test_what_agrees_is_left_alone(database: Database, index: VectorIndex) -> None:
    put(database, [entry.post for entry in CROWD.entries])
    index.upsert(MODEL, CROWD.entries, CROWD.vectors)
    assert repair(database, index)(threading.Event()) == Found(looked=40)
    assert ids(database, "embedding_pending") | ids(database, "vector_removal") == set()


class Killed(Exception):
    """Something ended the process."""


@pytest.mark.parametrize("batch", [3, 7, 40])
@pytest.mark.parametrize("calls", range(6))
def test_killed_anywhere_it_goes_on_and_finds_all(database: Database, batch: int, calls: int) -> None:
    class Dying(MemoryIndex):
        left = calls

        def scan(self, model: str, after: UUID | None, limit: int) -> list[UUID]:
            if self.left == 0:
                self.left = -1
                raise Killed
            self.left -= 1
            return super().scan(model, after, limit)

    index = Dying()
    index.left = -1
    missing, extra = differ(database, index)
    index.left = calls
    try:
        first = repair(database, index, batch=batch)(threading.Event())
    except Killed:
        first = Found()
        index.left = -1
    second = repair(database, index, batch=batch)(threading.Event())
    assert ids(database, "embedding_pending") == missing
    assert ids(database, "vector_removal") == extra
    # what was looked at before the kill is not looked at again
    assert first.looked + second.looked <= 37


def test_one_process_at_a_time_and_who_lost_the_lease_notes_nothing(database: Database) -> None:
    index = MemoryIndex()
    differ(database, index)
    taken = Command("UPDATE lease SET holder = 'other', epoch = epoch + 1, expires_at = now() + interval '1 hour'")

    class Robbed(MemoryIndex):
        def scan(self, model: str, after: UUID | None, limit: int) -> list[UUID]:
            database.execute(taken)
            return super().scan(model, after, limit)

    robbed = Robbed()
    robbed.upsert(MODEL, CROWD.entries[:1], CROWD.vectors[:1])
    with pytest.raises(FencedError):
        repair(database, robbed)(threading.Event())
    assert ids(database, "embedding_pending") == set()
    assert repair(database, index)(threading.Event()) == Found()
    database.execute(Command("UPDATE lease SET expires_at = now() - interval '1 second'"))
    assert repair(database, index)(threading.Event()).missing == 4


def test_a_post_that_left_meanwhile_gets_no_vector(database: Database) -> None:
    class Slow(MemoryIndex):
        def scan(self, model: str, after: UUID | None, limit: int) -> list[UUID]:
            found = super().scan(model, after, limit)
            late = Entry(UUID(int=99), "f", BEGIN)
            self.upsert(model, [late], CROWD.vectors[:1])
            put(database, [late.post]) if after is None else None
            return found

    index = Slow()
    index.upsert(MODEL, CROWD.entries[:1], CROWD.vectors[:1])
    put(database, [CROWD.entries[0].post])
    found = repair(database, index)(threading.Event())
    assert found.extra == 0


def test_an_index_that_is_away_changes_nothing(database: Database) -> None:
    index = MemoryIndex()
    differ(database, index)
    index.away = True
    with pytest.raises(IndexUnavailable):
        repair(database, index)(threading.Event())
    index.away = False
    assert repair(database, index, holder="another")(threading.Event()).missing == 4


def test_an_index_that_lost_everything_is_filled_again(database: Database) -> None:
    put(database, [entry.post for entry in CROWD.entries])
    database.execute(vector_models.BUILD, {"model": "model-b"})
    # what a model that is being built lacks is not for a repair to mend
    assert repair(database, MemoryIndex())(threading.Event()) == Found(missing=40, looked=40)


@pytest.mark.parametrize("restarted", [False, True])
def test_an_index_that_was_emptied_is_filled_again_at_once(
    database: Database, index: VectorIndex, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks has counted before, or has just been started: both notice, long before the next pass is due."""
    monkeypatch.setattr("shared.vectors.repair.LEAST_LOST", 10)
    every = [entry.post for entry in CROWD.entries]
    put(database, every)
    index.upsert(MODEL, CROWD.entries, CROWD.vectors)
    looking = repair(database, index)
    assert looking(threading.Event()) == Found(looked=len(every))
    index.delete(every[:-10])  # a few have come since it was emptied
    found = (repair(database, index) if restarted else looking)(threading.Event())
    assert found.missing == len(every) - 10
    assert ids(database, "embedding_pending") == set(every[:-10])


def test_an_index_that_shrinks_as_posts_grow_old_is_left_until_a_pass_is_due(
    database: Database, index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.vectors.repair.LEAST_LOST", 10)
    every = [entry.post for entry in CROWD.entries]
    put(database, every)
    index.upsert(MODEL, CROWD.entries, CROWD.vectors)
    looking = repair(database, index)
    looking(threading.Event())
    index.delete(every[:15])
    assert looking(threading.Event()) == Found()
