"""The store stage on real PostgreSQL: what a batch leaves behind, whatever order events come in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from services.relay.frames import Frame, Missing, Resume
from services.relay.pipeline.runner import Pipeline
from shared.contracts.ids import post_id
from shared.errors import StoreRejected, StoreUnavailable
from shared.schemas.base import Schema
from shared.store import cursors
from shared.store.database import Command, Database, Statement, Transaction
from tests.integration.relay.conftest import Feeder
from tests.support import wire
from tests.support.wire import SECOND, T0


class PostRow(Schema, frozen=True, kw_only=True):
    uri: str
    text: str
    likes: int
    reposts: int
    deleted: bool
    tags: list[str]
    terms: list[str]
    languages: list[str]
    event_time: datetime


class Number(Schema, frozen=True, kw_only=True):
    n: int


POSTS = Statement(
    """SELECT uri, text, likes, reposts, deleted_at IS NOT NULL AS deleted, tags, terms, languages, event_time
         FROM post ORDER BY uri""",
    PostRow,
)


def posts(database: Database) -> dict[str, PostRow]:
    return {row.uri: row for row in database.fetch(POSTS)}


def number(database: Database, sql: str, **params: Any) -> int:
    found = database.fetch_one(Statement(f"SELECT ({sql})::bigint AS n", Number), params)
    assert found is not None
    return found.n


def counters(database: Database) -> cursors.Counters:
    found = database.fetch_one(cursors.COUNTERS, {"feed": "jetstream"})
    assert found is not None
    return found


A = wire.uri(1, "a")


def test_a_post_is_stored_with_all_that_is_counted_of_it(database: Database, feed: Feeder) -> None:
    feed(wire.post(1, "a", T0, "Heatwave in Lisbon #lisbon", tags=["Heatwave"]))
    row = posts(database)[A]
    assert (row.text, row.tags, row.languages) == ("Heatwave in Lisbon #lisbon", ["Heatwave"], ["en"])
    assert "#heatwave" in row.terms
    assert row.event_time.timestamp() * SECOND == T0
    assert number(database, "SELECT count(*) FROM embedding_pending") == 1
    assert number(database, "SELECT posts FROM feed_minute") == 1


def test_replaying_everything_changes_nothing(database: Database, feed: Feeder) -> None:
    events = [
        wire.post(1, "a", T0),
        wire.post(2, "b", T0 + 1, "other"),
        wire.like(3, "l", T0 + 2, A),
        wire.repost(3, "r", T0 + 3, A),
        wire.identity(3, T0 + 4),
        wire.delete(2, "b", T0 + 5),
        wire.delete(3, "l", T0 + 6, wire.LIKE),
    ]
    feed(*events)
    before, minutes = posts(database), number(database, "SELECT sum(posts+likes+reposts+deletes) FROM feed_minute")
    [again] = feed(*events)
    assert (again.stored, again.duplicates) == (0, 7)
    assert posts(database) == before
    assert number(database, "SELECT sum(posts+likes+reposts+deletes) FROM feed_minute") == minutes
    assert counters(database).duplicates == 7


@pytest.mark.parametrize("together", [True, False])
def test_a_reaction_that_comes_before_its_post_counts(database: Database, feed: Feeder, together: bool) -> None:
    events = [wire.like(2, "l", T0, A), wire.repost(3, "r", T0 + 1, A), wire.post(1, "a", T0 + 2)]
    for batch in [events] if together else [[event] for event in events]:
        feed(*batch)
    assert (posts(database)[A].likes, posts(database)[A].reposts) == (1, 1)
    feed(*events)
    assert (posts(database)[A].likes, posts(database)[A].reposts) == (1, 1)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("together", [True, False])
def test_a_like_taken_back_is_gone_whatever_came_first(
    database: Database, feed: Feeder, order: tuple[int, ...], together: bool
) -> None:
    events = [wire.post(1, "a", T0), wire.like(2, "l", T0 + 1, A), wire.delete(2, "l", T0 + 2, wire.LIKE)]
    arranged = [events[place] for place in order]
    for batch in [arranged] if together else [[event] for event in arranged]:
        feed(*batch)
    assert posts(database)[A].likes == 0


def test_a_deleted_post_loses_its_content_everywhere_and_stays_deleted(database: Database, feed: Feeder) -> None:
    feed(wire.post(1, "a", T0, "secret", tags=["x"]), wire.like(2, "l", T0, A))
    [gone] = feed(wire.delete(1, "a", T0 + 1))
    assert gone.removed == [post_id(A)]
    feed(wire.post(1, "a", T0, "secret"), wire.like(3, "l3", T0 + 2, A))
    row = posts(database)[A]
    assert (row.deleted, row.text, row.tags, row.terms, row.likes) == (True, "", [], [], 0)
    assert number(database, "SELECT count(*) FROM embedding_pending") == 0
    assert number(database, "SELECT count(*) FROM vector_removal WHERE post = %(id)s", id=post_id(A)) == 1
    assert number(database, "SELECT count(*) FROM post_deletion WHERE post = %(id)s", id=post_id(A)) == 1


def test_a_post_deleted_before_it_was_seen_stays_deleted(database: Database, feed: Feeder) -> None:
    feed(wire.delete(1, "a", T0))
    [late] = feed(wire.post(1, "a", T0 - 1))
    assert (late.stored, late.duplicates) == (0, 1)
    assert posts(database)[A].deleted
    assert number(database, "SELECT count(*) FROM post_deletion WHERE NOT unseen") == 0


def test_an_update_replaces_the_text_and_asks_for_a_new_vector(database: Database, feed: Feeder) -> None:
    feed(wire.post(1, "a", T0, "first"))
    database.execute(Command("DELETE FROM embedding_pending"))
    [changed] = feed(wire.post(1, "a", T0 + 5, "second", operation="update"))
    assert changed.changed == [post_id(A)]
    feed(wire.post(1, "a", T0, "first"))
    row = posts(database)[A]
    assert (row.text, row.event_time.timestamp() * SECOND) == ("second", T0)
    assert number(database, "SELECT count(*) FROM embedding_pending") == 1
    assert number(database, "SELECT sum(posts) FROM feed_minute") == 1


def test_an_update_of_a_post_never_seen_is_stored_and_of_a_deleted_one_is_not(database: Database, feed: Feeder) -> None:
    feed(wire.post(1, "a", T0, "new", operation="update"), wire.delete(2, "b", T0))
    feed(wire.post(2, "b", T0 + 1, "back", operation="update"))
    assert posts(database)[A].text == "new"
    assert posts(database)[wire.uri(2, "b")].text == ""


def test_events_are_counted_in_the_minute_they_happened(database: Database, feed: Feeder) -> None:
    feed(wire.post(1, "a", T0), wire.post(1, "b", T0 + 61 * SECOND), wire.like(2, "l", T0 + 61 * SECOND, A))
    found = number(database, "SELECT count(*) FROM feed_minute WHERE posts = 1")
    assert found == 2
    assert number(database, "SELECT likes FROM feed_minute ORDER BY minute DESC LIMIT 1") == 1


def test_hostile_text_is_stored_without_what_postgresql_cannot_hold(database: Database, feed: Feeder) -> None:
    surrogate = wire.encode(wire.post(2, "b", T0, "MARK")).replace(b"MARK", b"lone \\ud83d half")
    feed(wire.post(1, "a", T0, "nul\x00byte", tags=["t\x00g"], langs=["en"]), surrogate)
    assert posts(database)[A].text == "nul\ufffdbyte"
    assert posts(database)[A].tags == ["t\ufffdg"]
    assert posts(database)[wire.uri(2, "b")].text == "lone \ufffd half"


def test_unreadable_frames_are_kept_with_their_bytes_and_counted(database: Database, feed: Feeder) -> None:
    feed(b"{not json", b"{not json", b'{"did":5}', wire.post(1, "a", T0))
    feed(b"{not json")
    assert number(database, "SELECT times FROM quarantine WHERE reason = 'not_json'") == 3
    assert number(database, "SELECT count(*) FROM quarantine WHERE raw = %(raw)s", raw=b'{"did":5}') == 1
    assert counters(database).quarantined == 4
    assert counters(database).events == 1


def test_rows_and_cursor_commit_together_or_not_at_all(
    database: Database, pipeline: Pipeline, feed: Feeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a store that dies after the rows and before the cursor
    feed(wire.post(1, "a", T0))
    real = Transaction.fetch

    def dying(self: Transaction, statement: Any, params: Any = None) -> Any:
        if statement is cursors.MOVE_CURSOR:
            raise StoreUnavailable("killed")
        return real(self, statement, params)

    monkeypatch.setattr(Transaction, "fetch", dying)
    with pytest.raises(StoreUnavailable):
        feed(wire.post(1, "b", T0 + 1), wire.like(2, "l", T0 + 2, A), b"junk")
    monkeypatch.undo()
    # then nothing of the batch is there
    assert list(posts(database)) == [A]
    assert counters(database).position == T0
    assert number(database, "SELECT count(*) FROM quarantine") == 0
    # and the same batch, tried again, is stored once
    [outcome] = feed(wire.post(1, "b", T0 + 1), wire.like(2, "l", T0 + 2, A), b"junk")
    assert outcome.stored == 2
    assert counters(database).position == T0 + 2 == pipeline.position


def test_the_cursor_never_moves_back_nor_into_the_future(database: Database, pipeline: Pipeline, feed: Feeder) -> None:
    feed(wire.post(1, "a", T0))
    feed(wire.post(1, "b", T0 - 30 * SECOND))
    assert counters(database).position == T0
    ahead = number(database, "SELECT extract(epoch FROM now()) * 1000000") + 120 * SECOND
    [outcome] = feed(wire.post(1, "c", ahead))
    assert len(outcome.fresh) == 1
    assert counters(database).position < ahead


def test_a_clamped_resume_leaves_a_gap_with_its_bounds(database: Database, pipeline: Pipeline, feed: Feeder) -> None:
    feed(wire.post(1, "a", T0))
    resume = Resume(T0 - 5 * SECOND, T0, {"cause": "network", "code": 1006})
    bad = Frame(b"junk", 4, resume=resume)
    first = wire.encode(wire.post(1, "b", T0 + 90 * SECOND))
    # the first frame of the connection cannot be read: the rule waits for one that can
    pipeline.process([bad])
    pipeline.process([Frame(first, len(first))])
    bound = (
        "SELECT extract(epoch FROM {}) * 1000000 FROM feed_gap WHERE cause = 'clamped' AND evidence->>'code' = '1006'"
    )
    assert number(database, bound.format("start_time")) == T0
    assert number(database, bound.format("end_time")) == T0 + 90 * SECOND


@pytest.mark.parametrize("requested_us", [T0 - 5 * SECOND, T0])
def test_a_second_that_is_not_given_again_is_a_gap_also_when_asked_for_by_number(
    database: Database, pipeline: Pipeline, feed: Feeder, requested_us: int
) -> None:
    # given the same host, asked by time with an overlap, or by the number of the last event
    feed(wire.post(1, "a", T0))
    first = wire.encode(wire.post(1, "b", T0 + SECOND))
    pipeline.process([Frame(first, len(first), resume=Resume(requested_us, T0, {}))])
    bounds = "SELECT extract(epoch FROM end_time - start_time) FROM feed_gap WHERE cause = 'clamped'"
    assert number(database, bounds) == 1


@pytest.mark.parametrize("first_us", [T0 - 4 * SECOND, T0])
def test_a_resume_that_overlaps_leaves_no_gap(
    database: Database, pipeline: Pipeline, feed: Feeder, first_us: int
) -> None:
    feed(wire.post(1, "a", T0))
    data = wire.encode(wire.post(1, "b", first_us))
    pipeline.process([Frame(data, len(data), resume=Resume(T0 - 5 * SECOND, T0, {}))])
    assert number(database, "SELECT count(*) FROM feed_gap") == 0


def test_one_event_that_postgresql_refuses_stops_no_other(database: Database, feed: Feeder) -> None:
    database.execute(Command("ALTER TABLE post ADD CONSTRAINT refuse CHECK (text <> 'poison')"))
    outcomes = feed(*(wire.post(1, f"p{n}", T0 + n, "poison" if n == 5 else "fine") for n in range(8)))
    assert sum(len(outcome.fresh) for outcome in outcomes) == 7
    assert number(database, "SELECT count(*) FROM quarantine WHERE reason = 'rejected'") == 1
    assert counters(database).position == T0 + 7


def test_a_fault_that_is_not_in_the_data_quarantines_nothing(database: Database, feed: Feeder) -> None:
    database.execute(Command("ALTER TABLE post RENAME COLUMN likes TO hearts"))
    with pytest.raises(StoreRejected):
        feed(wire.post(1, "a", T0))
    assert number(database, "SELECT count(*) FROM quarantine") == 0


def test_many_batches_on_one_connection_need_no_new_tables(database: Database, feed: Feeder) -> None:
    for n in range(12):
        feed(wire.post(1, f"p{n}", T0 + n), wire.like(2, f"l{n}", T0 + n, A), wire.delete(3, f"d{n}", T0 + n))
    assert counters(database).posts == 12


def test_the_feeds_own_cursor_is_kept_until_another_host_answers(pipeline: Pipeline, database: Database) -> None:
    def send(token: int | None, resume: Resume | None = None) -> cursors.Cursor:
        data = wire.encode(wire.post(1, f"t{token}", T0, "x"))
        return pipeline.process([Frame(data, len(data), token=token, resume=resume)])[0][1].cursor

    assert (send(7).token, send(None).token) == (7, 7)
    moved = send(None, Resume(T0, 0, {}, "other.example"))
    assert (moved.host, moved.token) == ("other.example", None)


def test_a_stretch_the_source_cannot_read_is_a_gap_with_its_cause(pipeline: Pipeline, database: Database) -> None:
    data = wire.encode(wire.post(1, "a", T0 + 9 * SECOND, "x"))
    missing = Missing(T0, T0 + 9 * SECOND, "cursor_too_old", {"floor": 3})
    ((_, outcome),) = pipeline.process([Frame(data, len(data), missing=missing)])
    assert outcome.gap_us == 9 * SECOND
    length = "SELECT extract(epoch FROM end_time - start_time) FROM feed_gap WHERE cause = 'cursor_too_old'"
    assert number(database, length) == 9
