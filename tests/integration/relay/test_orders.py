"""Any interleaving with replays ends in the same state (Hypothesis on real PostgreSQL)."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.relay.departures import Departures
from services.relay.feed import ensure_feed
from services.relay.frames import Frame
from services.relay.pipeline.runner import Pipeline
from services.relay.state import DatabaseClock
from services.worker.mover import Mover
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store.database import Command, Database, Statement
from tests.integration.relay.conftest import ORIGIN, SPEC
from tests.support import wire
from tests.support.wire import T0

A, B, G, K = wire.uri(1, "a"), wire.uri(2, "b"), wire.uri(9, "g"), wire.uri(10, "k")
EVENTS: list[dict[str, Any]] = [
    wire.post(1, "a", T0, "first"),
    wire.post(2, "b", T0 + 1, "second"),
    wire.delete(2, "b", T0 + 9),
    wire.like(3, "l1", T0 + 2, A),
    wire.like(4, "l2", T0 + 3, A),
    wire.delete(4, "l2", T0 + 6, wire.LIKE),
    wire.repost(5, "r1", T0 + 4, A),
    wire.repost(6, "r2", T0 + 5, A),
    wire.delete(6, "r2", T0 + 7, wire.REPOST),
    wire.like(7, "l3", T0 + 8, B),
    wire.delete(8, "never", T0 + 8),
    wire.identity(1, T0 + 9),
    # One who leaves, one who comes back and writes on.
    wire.post(9, "g", T0 + 1, "third"),
    wire.account(9, T0 + 5, "deleted"),
    wire.account(10, T0 + 4, "takendown"),
    wire.account(10, T0 + 6),
    wire.post(10, "k", T0 + 7, "fourth"),
]
#: Said of a post that is there already.
EDIT = wire.post(10, "k", T0 + 20, "fourth, edited", operation="update")
EMPTY = Command(
    """TRUNCATE post, reaction, feed_minute, feed_cursor, quarantine, embedding_pending, post_deletion,
                account_departure, post_archive, post_archive_key, post_archive_reach, vector_removal"""
)


class PostState(Schema, frozen=True, kw_only=True):
    uri: str
    text: str
    likes: int
    reposts: int
    deleted: bool
    pending: bool


class ReactionState(Schema, frozen=True, kw_only=True):
    id: str
    deleted: bool


class Sums(Schema, frozen=True, kw_only=True):
    likes: int
    reposts: int


POSTS = Statement(
    """SELECT uri, text, likes, reposts, deleted_at IS NOT NULL AS deleted,
              EXISTS (SELECT FROM embedding_pending e WHERE e.post = every_post.id) AS pending
         FROM every_post ORDER BY uri""",
    PostState,
)
HOT = Statement("SELECT uri AS id, deleted_at IS NOT NULL AS deleted FROM post ORDER BY uri", ReactionState)
REACTIONS = Statement("SELECT id::text, deleted FROM reaction ORDER BY id", ReactionState)
MOVED = Statement(
    "SELECT coalesce(sum(likes), 0)::integer AS likes, coalesce(sum(reposts), 0)::integer AS reposts FROM feed_minute",
    Sums,
)


@pytest.fixture(scope="module")
def shared_database(postgres: Any) -> Iterator[Database]:
    with postgres.fresh() as url:
        database = Database(Settings(postgres_url=url), name="orders", size=2)
        database.open()
        yield database
        database.close()


@given(
    order=st.permutations(range(len(EVENTS))),
    replays=st.lists(st.integers(0, len(EVENTS) - 1), max_size=10),
    cuts=st.sets(st.integers(1, 20), max_size=5),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_with_any_replays_ends_the_same(
    shared_database: Database, order: list[int], replays: list[int], cuts: set[int]
) -> None:
    # given all events in some order, some of them again, cut into batches anywhere
    stream = [wire.encode(EVENTS[place]) for place in [*order, *replays]]
    shared_database.execute(EMPTY)
    cursor = ensure_feed(shared_database, SPEC, ORIGIN, start_us=T0 - 1)
    pipeline = Pipeline(shared_database, ORIGIN, DatabaseClock(), cursor.position)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    for start, end in itertools.pairwise(edges):
        pipeline.process([Frame(data, len(data)) for data in stream[start:end]])
    Departures(shared_database, lambda _: None, "orders").turn()
    # then posts, counters and tombstones are what the set of events says
    states = {state.uri: state for state in shared_database.fetch(POSTS)}
    assert states[A] == PostState(uri=A, text="first", likes=1, reposts=1, deleted=False, pending=True)
    assert states[B] == PostState(uri=B, text="", likes=0, reposts=0, deleted=True, pending=False)
    assert states[wire.uri(8, "never")].deleted
    assert (states[G].text, states[G].deleted, states[G].pending) == ("", True, False)
    assert (states[K].text, states[K].deleted) == ("fourth", False)
    assert len(states) == 5
    assert [reaction.deleted for reaction in shared_database.fetch(REACTIONS)].count(True) == 2
    # and whatever was undone first never counted, so the moves by minute are between these
    moved = shared_database.fetch(MOVED)[0]
    assert 2 <= moved.likes <= 3
    assert 1 <= moved.reposts <= 2


@given(
    order=st.permutations(range(len(EVENTS))),
    replays=st.lists(st.integers(0, len(EVENTS) - 1), max_size=10),
    cuts=st.sets(st.integers(1, 26), min_size=1, max_size=8),
    moves=st.sets(st.integers(0, 8), max_size=6),
    edited=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_posts_that_become_cold_between_batches_change_nothing(
    shared_database: Database, order: list[int], replays: list[int], cuts: set[int], moves: set[int], edited: bool
) -> None:
    # given the same events, and a mover that takes everything after some of the batches
    stream = [wire.encode(EVENTS[place]) for place in [*order, *replays]]
    stream += [wire.encode(EDIT), stream[0], wire.encode(EDIT)] if edited else []
    shared_database.execute(EMPTY)
    cursor = ensure_feed(shared_database, SPEC, ORIGIN, start_us=T0 - 1)
    pipeline = Pipeline(shared_database, ORIGIN, DatabaseClock(), cursor.position)
    mover = Mover(shared_database, 1.0, 0, "orders", threading.Event(), lambda *_: None)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    for index, (start, end) in enumerate(itertools.pairwise(edges)):
        pipeline.process([Frame(data, len(data)) for data in stream[start:end]])
        if index in moves:
            mover.move()
    Departures(shared_database, lambda _: None, "orders").turn()
    mover.move()
    # then every post is once in hot or cold, and what it would be had nothing moved
    states = shared_database.fetch(POSTS)
    gone = {"text": "", "likes": 0, "reposts": 0, "deleted": True, "pending": False}
    kept = {"deleted": False, "pending": False}
    assert states == [
        PostState(uri=A, text="first", likes=1, reposts=1, **kept),
        PostState(uri=B, **gone),
        PostState(uri=wire.uri(8, "never"), **gone),
        PostState(uri=G, **gone),
        PostState(uri=K, text="fourth, edited" if edited else "fourth", likes=0, reposts=0, **kept),
    ]
    # and only tombstones are hot
    assert [(row.id, row.deleted) for row in shared_database.fetch(HOT)] == [
        (state.uri, True) for state in states if state.deleted
    ]
