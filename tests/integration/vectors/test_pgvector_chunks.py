"""Vectors in chunks: recall under every filter while the indexes are really used, and every step of a chunk's life."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store import vector_chunks as chunks
from shared.store.database import Command, Database, Statement
from shared.store.migrate import migrate, migrations
from shared.vectors.index import Entry, Filter
from shared.vectors.keeper import Keeper, Tended
from shared.vectors.pgvector import PgvectorIndex
from tests.support.engines import Postgres
from tests.support.vectors import BEGIN, Crowd

MODEL, POSTS, CHUNK = "model-a", 20_000, 6_000
ANY = Filter()
#: The migration that makes the chunks.
CHUNKS = next(migration.revision for migration in migrations() if "vector_chunks" in migration.name)


class Line(Schema, frozen=True, kw_only=True):
    text: str


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd(POSTS)


@pytest.fixture(scope="module")
def loaded(postgres: Postgres, crowd: Crowd) -> Iterator[tuple[Settings, Database]]:
    """20,000 vectors: three indexed chunks and an open one."""
    with postgres.fresh() as url:
        settings = Settings(postgres_url=url)
        database = Database(settings, name="test", size=4)
        database.open()
        index = PgvectorIndex(database, chunk_rows=CHUNK)
        for start in range(0, POSTS, 1000):
            index.upsert(MODEL, crowd.entries[start : start + 1000], crowd.vectors[start : start + 1000])
        assert Keeper(settings, database)(threading.Event()).built >= 3 * 6
        yield settings, database
        database.close()


@pytest.fixture
def index(loaded: tuple[Settings, Database]) -> PgvectorIndex:
    """Compares all rows only where at most 150 pass, so that nearly every filter meets an index."""
    return PgvectorIndex(loaded[1], chunk_rows=CHUNK, exact_rows=150)


def hours(number: float) -> Any:
    return BEGIN + timedelta(seconds=POSTS * number)


FILTERS = {
    "none": ANY,
    "language": Filter(language="pt"),
    "its region": Filter(language="pt-BR"),
    "a rare language": Filter(language="sv"),
    "feed": Filter(feed="nostr"),
    "the common feed": Filter(feed="sky"),
    "linked": Filter(linked=True),
    "not linked": Filter(linked=False),
    "author": Filter(author=1),
    "feed and language": Filter(feed="nostr", language="pt"),
    "the common feed and language": Filter(feed="sky", language="pt"),
    "language and linked": Filter(language="ja", linked=True),
    "feed and linked": Filter(feed="nostr", linked=True),
    "half of the time": Filter(since=hours(0.2), until=hours(0.7)),
    "a twentieth of the time": Filter(since=hours(0.41), until=hours(0.46)),
    "the newest": Filter(since=hours(0.95)),
    "time and language": Filter(since=hours(0.1), until=hours(0.4), language="en"),
    "all at once": Filter(since=hours(0.1), until=hours(0.9), language="en", feed="sky", linked=True),
    "author and language": Filter(author=1, language="en"),
}


def recall(index: PgvectorIndex, crowd: Crowd, where: Filter, queries: int = 40, limit: int = 10) -> float:
    places = crowd.passing(where)
    shares = []
    for query in crowd.queries(queries):
        wanted = crowd.nearest(query, places, limit)
        found = [match.post for match in index.search(MODEL, query, limit, where)]
        assert len(found) == len(wanted)
        shares.append(len({*wanted} & {*found}) / len(wanted))
    return float(np.mean(shares))


@pytest.mark.parametrize("name", FILTERS)
def test_recall_at_10_is_high_under_every_filter(index: PgvectorIndex, crowd: Crowd, name: str) -> None:
    assert recall(index, crowd, FILTERS[name]) >= (0.97 if name == "none" else 0.95)


def explained(index: PgvectorIndex, database: Database, crowd: Crowd, where: Filter) -> str:
    """PostgreSQL's own account of a search."""
    seen: list[str] = []
    fetch = psycopg.Cursor.execute

    def spy(cursor: Any, query: Any, params: Any = None, **more: Any) -> Any:
        if "similarity" in str(query):
            seen.extend(row["QUERY PLAN"] for row in fetch(cursor, f"EXPLAIN {query}", params, **more).fetchall())
        return fetch(cursor, query, params, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", spy)
        index.search(MODEL, crowd.queries(1)[0], 10, where)
    return re.sub(r"\[[-0-9.,e]+\]", "[...]", "\n".join(seen))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("none", ""),
        ("not linked", ""),
        ("half of the time", ""),  # and of the chunks at its ends the times that pass, by the index on times
        ("language", "language:pt"),
        ("language and linked", "language:ja"),
        ("the common feed and language", "language:pt"),
        ("feed", "feed:nostr"),
        ("feed and linked", "feed:nostr"),
    ],
)
def test_the_index_made_for_a_filter_is_the_one_that_is_used(
    index: PgvectorIndex, loaded: tuple[Settings, Database], crowd: Crowd, name: str, part: str
) -> None:
    plan = explained(index, loaded[1], crowd, FILTERS[name])
    used = [
        chunk.id
        for chunk in loaded[1].fetch(chunks.ALL)
        if f"Index Scan using {chunks.near_name(chunk.id, part)} on" in plan
    ]
    assert len(used) == (1 if name == "half of the time" else 3), plan


@pytest.mark.parametrize("name", ["a rare language", "author", "a twentieth of the time"])
def test_where_few_pass_all_are_compared(loaded: tuple[Settings, Database], crowd: Crowd, name: str) -> None:
    index = PgvectorIndex(loaded[1], exact_rows=1200)
    plan = explained(index, loaded[1], crowd, FILTERS[name])
    assert "_near" not in plan
    assert "Seq Scan" not in plan, plan
    assert recall(index, crowd, FILTERS[name]) > 0.99


def test_posts_that_are_named_are_sought_in_the_chunks_of_their_time(
    index: PgvectorIndex, loaded: tuple[Settings, Database], crowd: Crowd
) -> None:
    named = {entry.post: entry.time for entry in crowd.entries[100:400]}
    where = Filter(posts=named, linked=False)
    query = crowd.queries(1)[0]
    plan = explained(index, loaded[1], crowd, where)
    assert "post_vector_1" in plan
    assert "post_vector_2" not in plan
    passing = crowd.passing(where)
    assert [match.post for match in index.search(MODEL, query, 10, where)] == crowd.nearest(query, passing, 10)
    # and where chunks overlap in time, in each of them
    late = crowd.entries[7_000]
    named |= {late.post: late.time}
    found = index.search(MODEL, crowd.vectors[7_000], 400, Filter(posts=named))
    assert {match.post for match in found} == set(named)


# --- the life of a chunk ------------------------------------------------------------------------
def keeper(settings: Settings, database: Database) -> Tended:
    return Keeper(settings, database)(threading.Event())


def states(database: Database) -> list[tuple[str, int]]:
    return [(chunk.state, chunk.rows) for chunk in database.fetch(chunks.ALL)]


@pytest.fixture
def small(crowd: Crowd, database: Database) -> PgvectorIndex:
    """Chunks of 100: two sealed and one open."""
    index = PgvectorIndex(database, chunk_rows=100, exact_rows=10)
    for start in range(0, 250, 50):
        index.upsert(MODEL, crowd.entries[start : start + 50], crowd.vectors[start : start + 50])
    assert states(database) == [("sealed", 100), ("sealed", 100), ("open", 50)]
    return index


def test_a_post_that_comes_again_lies_in_one_chunk(small: PgvectorIndex, crowd: Crowd, database: Database) -> None:
    small.upsert(MODEL, crowd.entries[:60], crowd.vectors[:60])
    assert states(database) == [("sealed", 40), ("sealed", 100), ("open", 110)]
    assert small.count(MODEL) == 250
    assert len(small.scan(MODEL, None, 1_000)) == 250
    found = small.search(MODEL, crowd.vectors[3], 250, ANY)
    assert len({match.post for match in found}) == len(found) == 250


def test_a_chunk_that_is_emptied_is_dropped_and_the_open_one_stays(
    small: PgvectorIndex, crowd: Crowd, database: Database, postgres_url: str
) -> None:
    settings = Settings(postgres_url=postgres_url)
    small.delete([entry.post for entry in crowd.entries[100:250]])
    assert states(database) == [("sealed", 100), ("sealed", 0), ("open", 0)]
    assert keeper(settings, database).dropped == 1
    assert states(database) == [("indexed", 100), ("open", 0)]
    assert (
        database.fetch(Statement("SELECT count(*)::text AS text FROM pg_class WHERE relname = 'post_vector_2'", Line))[
            0
        ].text
        == "0"
    )
    assert keeper(settings, database) == Tended()
    assert len(small.search(MODEL, crowd.vectors[0], 250, ANY)) == 100


def test_an_index_whose_building_was_cut_off_is_built_anew(
    small: PgvectorIndex, crowd: Crowd, database: Database, postgres_url: str
) -> None:
    settings = Settings(postgres_url=postgres_url)
    # given what a kill leaves: an index that is there and not valid
    name = chunks.near_name(1, "")
    database.execute_alone(chunks.build(1, "", 3))
    database.execute(
        Command("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%(name)s)"), {"name": name}
    )
    # and one that was finished
    database.execute_alone(chunks.build(1, "language:en", 3))
    # when
    first, second = [keeper(settings, database) for _ in range(2)][::-1], states(database)
    # then
    assert second[:2] == [("indexed", 100), ("indexed", 100)]
    valid = Statement("SELECT indisvalid::text AS text FROM pg_index WHERE indexrelid = to_regclass(%(name)s)", Line)
    assert [row.text for row in database.fetch(valid, {"name": name})] == ["true"]
    assert first[0] == Tended()
    assert len(small.search(MODEL, crowd.vectors[0], 250, ANY)) == 250


def test_a_stop_between_two_indexes_leaves_the_rest_for_later(
    small: PgvectorIndex, database: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, stop, alone = Settings(postgres_url=postgres_url), threading.Event(), database.execute_alone

    def once(command: Command) -> None:
        alone(command)
        if "CREATE INDEX" in command.sql:
            stop.set()

    monkeypatch.setattr(database, "execute_alone", once)
    assert Keeper(settings, database)(stop) == Tended(built=1)
    assert [state for state, _ in states(database)] == ["sealed", "sealed", "open"]
    monkeypatch.undo()
    keeper(settings, database)
    assert [state for state, _ in states(database)] == ["indexed", "indexed", "open"]


def early(database: Database) -> list[str]:
    """The early indexes that there are."""
    named = Statement("SELECT relname AS text FROM pg_class WHERE relkind = 'i' AND relname LIKE '%early%'", Line)
    return [row.text for row in database.fetch(named)]


def test_a_grown_chunk_is_found_by_early_indexes_that_take_what_comes(
    crowd: Crowd, database: Database, postgres_url: str
) -> None:
    settings = Settings(postgres_url=postgres_url)
    index = PgvectorIndex(database, chunk_rows=CHUNK, exact_rows=150)
    # given a chunk of which a quarter was there when its early indexes were made
    index.upsert(MODEL, crowd.entries[: CHUNK // 4], crowd.vectors[: CHUNK // 4])
    assert Keeper(settings, database, early_rows=CHUNK // 4 + 1)(threading.Event()) == Tended()
    assert Keeper(settings, database, early_rows=CHUNK // 4)(threading.Event()).built >= 6
    assert Keeper(settings, database, early_rows=CHUNK // 4)(threading.Event()) == Tended()
    index.upsert(MODEL, crowd.entries[CHUNK // 4 : CHUNK - 1], crowd.vectors[CHUNK // 4 : CHUNK - 1])
    assert states(database) == [("open", CHUNK - 1)]
    # then they are used, and find what came since
    assert "_early" in explained(index, database, crowd, ANY)
    there = crowd.first(CHUNK - 1)
    for name in ("none", "language", "feed", "not linked", "half of the time", "language and linked"):
        assert recall(index, there, FILTERS[name]) >= (0.97 if name == "none" else 0.95), name
    # when the chunk is sealed, the last indexes take their place, even after a kill in the middle
    index.upsert(MODEL, crowd.entries[CHUNK - 1 : CHUNK + 100], crowd.vectors[CHUNK - 1 : CHUNK + 100])
    index.upsert(MODEL, crowd.entries[CHUNK + 100 : CHUNK + 200], crowd.vectors[CHUNK + 100 : CHUNK + 200])
    database.execute_alone(chunks.unbuild(chunks.near_name(1, "", early=True)))
    assert keeper(settings, database).built >= 6
    assert [state for state, _ in states(database)] == ["indexed", "open"]
    assert early(database) == []
    assert "_near" in explained(index, database, crowd, ANY)


def test_one_process_at_a_time_looks_after_chunks(small: PgvectorIndex, database: Database, postgres_url: str) -> None:
    settings = Settings(postgres_url=postgres_url)
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('groundswell-vector-keeper'))")
        assert keeper(settings, database) == Tended()
    assert keeper(settings, database).built > 0


def test_vectors_are_written_and_found_while_an_index_is_built(
    small: PgvectorIndex, crowd: Crowd, database: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, seen = database.execute_alone, []

    def beside(command: Command) -> None:
        if "CREATE INDEX" in command.sql and not seen:
            # building waits for transactions that are older: this one holds it up in the middle
            with psycopg.connect(postgres_url) as older:
                older.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                older.execute("SELECT count(*) FROM post_vector")
                building = threading.Thread(target=alone, args=(command,))
                building.start()
                small.upsert(MODEL, crowd.entries[250:260], crowd.vectors[250:260])
                small.delete([crowd.entries[0].post])
                seen.extend(small.search(MODEL, crowd.vectors[0], 300, ANY))
                assert building.is_alive()
            building.join()
        else:
            alone(command)

    monkeypatch.setattr(database, "execute_alone", beside)
    keeper(Settings(postgres_url=postgres_url), database)
    assert len(seen) == 259
    assert [state for state, _ in states(database)] == ["indexed", "indexed", "open"]


def test_a_hostile_language_gets_no_index_and_is_found(crowd: Crowd, database: Database, postgres_url: str) -> None:
    index = PgvectorIndex(database, chunk_rows=10, exact_rows=0)
    nasty = "'; drop table post_vector; --"
    entries = [Entry(entry.post, "sky", BEGIN, (nasty,)) for entry in crowd.entries[:20]]
    for half in (slice(0, 10), slice(10, 20)):
        index.upsert(MODEL, entries[half], crowd.vectors[half])
    keeper(Settings(postgres_url=postgres_url), database)
    assert states(database) == [("indexed", 10), ("open", 10)]
    assert len(index.search(MODEL, crowd.vectors[0], 30, Filter(language=nasty))) == 20


def test_dropping_a_model_drops_its_chunks(small: PgvectorIndex, crowd: Crowd, database: Database) -> None:
    small.upsert("model-b", crowd.entries[:5], crowd.vectors[:5])
    small.drop(MODEL)
    assert states(database) == [("open", 5)]
    assert small.models() == ["model-b"]


def test_vectors_from_before_the_chunks_are_kept(postgres: Postgres) -> None:
    database = Database(Settings(postgres_url=postgres.empty()), name="old", size=1)
    database.open()
    before = [migration for migration in migrations() if migration.revision < CHUNKS]
    for migration in before:
        database.execute(Command(migration.sql))
    database.execute(
        Command(
            """INSERT INTO post_vector (post, model, feed, event_time, languages, spoken, embedding)
               SELECT uuidv7(), 'm' || n % 2, 'f', now(), '{en}', '{en}', array_fill(1, ARRAY[384])::halfvec
                 FROM generate_series(1, 5) AS n"""
        )
    )
    database.execute(
        Command("CREATE TABLE schema_migration (revision integer PRIMARY KEY, name text, applied_at timestamptz)")
    )
    for migration in before:
        database.execute(Command("INSERT INTO schema_migration VALUES (%(n)s, '', now())"), {"n": migration.revision})
    migrate(database)
    index = PgvectorIndex(database)
    assert (index.models(), index.count("m0"), index.count("m1")) == (["m0", "m1"], 2, 3)
    assert len(index.scan("m1", None, 9)) == 3
    database.close()


def test_more_results_than_the_lists_looked_at_hold_are_found(index: PgvectorIndex, crowd: Crowd) -> None:
    assert len(index.search(MODEL, crowd.queries(1)[0], 5_000, ANY)) == 5_000
