"""Reading again, on real PostgreSQL against a scripted server: what was left out comes back, gaps are exact."""

from __future__ import annotations

from typing import Any

import pytest

from services.relay.frames import Frame, Resume
from services.relay.pipeline.runner import Pipeline
from services.relay.rereader import joined
from services.relay.rereading import MOST_ATTEMPTS, Progress
from shared.schemas.base import Schema
from shared.store import rechecks
from shared.store.database import Command, Database, Statement
from shared.store.rechecks import Due
from tests.integration.relay.conftest import Feeder, Running
from tests.support import wire
from tests.support.scripted_feed import Script, ScriptedFeed
from tests.support.waiting import until
from tests.support.wire import SECOND, T0

HOST = "feed.example"
#: A connection opened long after what it gives: that is no live tail.
LATER = T0 + 86_400 * SECOND


class Row(Schema, frozen=True, kw_only=True):
    id: int
    cause: str
    start: int
    end: int | None
    found: int
    done: bool


class Gap(Schema, frozen=True, kw_only=True):
    start: int
    end: int
    cause: str


ROWS = Statement(
    f"""SELECT id, cause, start_us - {T0} AS start, end_us - {T0} AS "end", found, done_at IS NOT NULL AS done
         FROM feed_recheck ORDER BY id""",  # noqa: S608 - a number
    Row,
)
GAPS = Statement(
    f"""SELECT (extract(epoch FROM start_time) * 1000000)::bigint - {T0} AS start,
               (extract(epoch FROM end_time) * 1000000)::bigint - {T0} AS "end", cause
          FROM feed_gap ORDER BY start_time""",  # noqa: S608 - a number
    Gap,
)


def frame(number: int, time_us: int, **fields: Any) -> Frame:
    data = wire.encode(wire.post(1, f"p{number}", time_us))
    return Frame(data, len(data), **fields)


def resume(position: int, opened_us: int, **fields: Any) -> Resume:
    return Resume(position - 5 * SECOND, position, {}, fields.pop("host", HOST), opened_us)


def gaps(database: Database) -> list[tuple[int, int, str]]:
    return [(gap.start, gap.end, gap.cause) for gap in database.fetch(GAPS)]


def clock(pipeline: Pipeline, now_us: int) -> None:
    """It is ``now_us`` for the pipeline, whatever the database says."""
    pipeline._clock.now_us = lambda: now_us  # type: ignore[method-assign]


def read_again(pipeline: Pipeline, row: Row, *times: int, opened_us: int, attempts: int = 0) -> Progress:
    """One reading of ``row`` that gives events at ``times``."""
    assert row.end is not None
    due = Due(
        id=row.id,
        cause=row.cause,
        host=HOST,
        start_us=T0 + row.start,
        end_us=T0 + row.end,
        attempts=attempts,
        now_us=opened_us,
    )
    progress = Progress(due, HOST, opened_us)
    for time_us in times:
        pipeline.process([frame((time_us - T0) // 1_000, time_us, moves=False)], progress)
    return progress


def test_a_change_to_live_is_kept_until_it_was_read_again(database: Database, pipeline: Pipeline) -> None:
    # given a connection that has a minute to replay
    opened = T0 + 60 * SECOND
    clock(pipeline, opened)
    pipeline.process([frame(1, T0, resume=resume(0, opened))])
    [row] = database.fetch(ROWS)
    assert (row.cause, row.start, row.end) == ("cutover", 0, None)
    # when it comes nearer, the stretch begins at the last event that surely was replay
    pipeline.process([frame(2, T0 + 30 * SECOND)])
    pipeline.process([frame(3, T0 + 54 * SECOND)])
    [row] = database.fetch(ROWS)
    assert (row.start, row.end) == (30 * SECOND, None)
    # and when it has caught up, the stretch ends a little later
    clock(pipeline, T0 + 63 * SECOND)
    pipeline.process([frame(4, T0 + 62 * SECOND)])
    [row] = database.fetch(ROWS)
    assert (row.start, row.end) == (30 * SECOND, 68 * SECOND)
    # then it is due once the feed has moved past it
    assert database.fetch(rechecks.DUE, {"feed": "jetstream"}) == []
    pipeline.process([frame(5, T0 + 74 * SECOND)])
    [due] = database.fetch(rechecks.DUE, {"feed": "jetstream"})
    position = pipeline.position
    progress = read_again(
        pipeline, row, T0 + 25 * SECOND, T0 + 30 * SECOND, T0 + 61 * SECOND, T0 + 71 * SECOND, opened_us=due.now_us
    )
    assert progress.over.is_set()
    [row] = database.fetch(ROWS)
    assert (row.done, row.found) == (True, 3)
    # and what was read again moved nothing
    assert pipeline.position == position
    assert gaps(database) == []


def test_a_connection_that_ends_early_leaves_what_it_may_have_left_out(database: Database, pipeline: Pipeline) -> None:
    opened = T0 + 60 * SECOND
    clock(pipeline, opened)
    # given two connections that end before they have caught up: one far from its change to live, one at it
    pipeline.process([frame(1, T0, resume=resume(0, opened))])
    pipeline.process([frame(2, T0 + 20 * SECOND)])
    pipeline.process([frame(2, T0 + 20 * SECOND, resume=resume(T0 + 20 * SECOND, opened))])
    pipeline.process([frame(3, T0 + 54 * SECOND)])
    pipeline.process([frame(3, T0 + 54 * SECOND, resume=resume(T0 + 54 * SECOND, opened))])
    # then only the second one's end has to be read again
    first, second = database.fetch(ROWS)
    assert (first.start, first.end) == (20 * SECOND, 54 * SECOND)
    assert (second.start, second.end) == (54 * SECOND, None)


@pytest.mark.parametrize(
    ("again", "left"),
    [
        ([0, 40, 93], []),  # the event that was due came: nothing is missing
        ([50, 93], [(0, 50 * SECOND, "clamped")]),  # it came from later on: the gap is shorter
        ([90, 93], [(0, 90 * SECOND, "clamped")]),  # it came from where it came before: the gap stays
        ([95, 99], [(0, 90 * SECOND, "clamped")]),  # from even later, as retention goes on
    ],
)
def test_a_gap_is_what_a_second_reading_could_not_get(
    database: Database, pipeline: Pipeline, again: list[int], left: list[tuple[int, int, str]]
) -> None:
    opened = T0 + 3_600 * SECOND
    clock(pipeline, opened)
    pipeline.process([frame(0, T0)])
    pipeline.process([frame(90, T0 + 90 * SECOND, resume=resume(T0, opened))])
    assert gaps(database) == [(0, 90 * SECOND, "clamped")]
    row = next(row for row in database.fetch(ROWS) if row.cause == "gap")
    progress = read_again(pipeline, row, *(T0 + at * SECOND for at in again), opened_us=opened)
    assert progress.over.is_set()
    assert gaps(database) == left


def test_a_live_tail_proves_nothing_until_it_has_come_often(database: Database, pipeline: Pipeline) -> None:
    opened = T0 + 60 * SECOND
    clock(pipeline, opened)
    pipeline.process([frame(0, T0)])
    pipeline.process([frame(60, opened, resume=resume(T0, opened))])
    # the answer began at the present: that is not what a server gives that has forgotten
    assert gaps(database) == [(0, 60 * SECOND, "future")]
    row = next(row for row in database.fetch(ROWS) if row.cause == "gap")
    later = opened + 30 * SECOND
    progress = read_again(pipeline, row, later, later + 5 * SECOND, opened_us=later)
    assert progress.failed
    assert not next(row for row in database.fetch(ROWS) if row.cause == "gap").done
    read_again(pipeline, row, later, later + 5 * SECOND, opened_us=later, attempts=MOST_ATTEMPTS)
    assert gaps(database) == [(0, 60 * SECOND, "future")]
    assert next(row for row in database.fetch(ROWS) if row.cause == "gap").done


def test_an_answer_from_before_what_was_asked_for_is_read_again(database: Database, pipeline: Pipeline) -> None:
    # given a server whose clock is behind: it gives its live tail, which we have had
    clock(pipeline, T0 + 2 * SECOND)
    pipeline.process([frame(0, T0)])
    pipeline.process([frame(1, T0 - 9 * SECOND, resume=resume(T0, T0 + 2 * SECOND))])
    [row] = [row for row in database.fetch(ROWS) if row.cause == "future"]
    assert row.start < -9 * SECOND
    assert gaps(database) == []


def test_a_change_to_live_that_is_forgotten_before_it_was_read_again_is_told(
    database: Database, pipeline: Pipeline
) -> None:
    opened = T0 + 2 * SECOND
    clock(pipeline, opened)
    pipeline.process([frame(0, T0, resume=resume(0, opened))])
    [row] = database.fetch(ROWS)
    assert row.end is not None
    hour = T0 + 3_600 * SECOND
    read_again(pipeline, row, T0 + 4 * SECOND, T0 + 60 * SECOND, opened_us=hour)
    assert gaps(database) == [(0, 4 * SECOND, "unverified")]


@pytest.mark.parametrize("first", ["post", "like", "delete"])
def test_another_host_that_gives_what_is_known_has_left_nothing_out(
    database: Database, pipeline: Pipeline, feed: Feeder, first: str
) -> None:
    event = {
        "post": wire.post(1, "k", T0),
        "like": wire.like(1, "k", T0, wire.uri(3, "x")),
        "delete": wire.delete(1, "k", T0),
    }[first]
    feed(event)
    # given a quiet feed, and a host that numbers the same event half a minute later
    data = wire.encode({**event, "time_us": T0 + 30 * SECOND})
    pipeline.process([Frame(data, len(data), resume=resume(T0, LATER, host="other.example"))])
    assert gaps(database) == []
    # but an event that is new there is not what was due
    data = wire.encode(wire.post(2, "new", T0 + 90 * SECOND))
    pipeline.process([Frame(data, len(data), resume=resume(T0 + 30 * SECOND, LATER, host="third.example"))])
    assert gaps(database) == [(30 * SECOND, 90 * SECOND, "clamped")]


def test_a_new_deletion_of_a_known_post_is_not_what_was_due(
    database: Database, pipeline: Pipeline, feed: Feeder
) -> None:
    feed(wire.post(1, "a", T0))
    data = wire.encode(wire.delete(1, "a", T0 + 40 * SECOND))
    pipeline.process([Frame(data, len(data), resume=resume(T0, LATER, host="other.example"))])
    assert gaps(database) == [(0, 40 * SECOND, "clamped")]


@pytest.mark.parametrize("silence", [1, 30, 3_000])
def test_silence_is_no_gap_and_a_moment_forgotten_is_one(database: Database, pipeline: Pipeline, silence: int) -> None:
    # given a feed that is quiet for long: it gives the last event again, and then nothing for a while
    pipeline.process([frame(0, T0)])
    pipeline.process([frame(0, T0, resume=resume(T0, LATER)), frame(1, T0 + silence * SECOND)])
    assert gaps(database) == []
    # when the same host does not give the event it gave, however short the silence
    pipeline.process([frame(2, T0 + (silence + 1) * SECOND, resume=resume(T0 + silence * SECOND, LATER))])
    assert gaps(database) == [(silence * SECOND, (silence + 1) * SECOND, "clamped")]


def test_stretches_that_touch_are_read_as_one() -> None:
    def due(id: int, start: int, end: int, cause: str = "cutover", host: str = "a") -> Due:
        return Due(id=id, cause=cause, host=host, start_us=start, end_us=end, attempts=0, now_us=0)

    first, others = joined([due(1, 0, 10), due(2, 5, 20), due(3, 6, 7, "gap"), due(4, 15, 30), due(5, 40, 50)])
    assert (first.start_us, first.end_us, others) == (0, 30, [2, 4])
    first, others = joined([due(1, 0, 10), due(2, 5, 20, host="b")])
    assert (first.end_us, others) == (10, [])


def test_a_reading_that_breaks_off_goes_on_from_where_it_came_to(database: Database, pipeline: Pipeline) -> None:
    opened = T0 + 3_600 * SECOND
    clock(pipeline, opened)
    pipeline.process([frame(0, T0)])
    pipeline.process([frame(90, T0 + 90 * SECOND, resume=resume(T0, opened))])
    row = next(row for row in database.fetch(ROWS) if row.cause == "gap")
    progress = read_again(pipeline, row, *(T0 + at * SECOND for at in (0, 20, 40, 41)), opened_us=opened)
    assert not progress.over.is_set()
    assert progress.mark_us == T0 + 20 * SECOND


def test_what_a_server_left_out_comes_from_a_second_connection(running: Running, scripted: ScriptedFeed) -> None:
    # given a server that forgets for one connection, and a second one that has it all
    story = [wire.post(n % 7, f"p{n}", T0 + n * SECOND, f"post {n}") for n in range(70)]
    scripted.emit(*story)
    scripted.plan(Script(after=10, then="drop"), Script(from_us=T0 + 40 * SECOND))
    running.start()
    # then the gap is read back, gone, and nothing is missing
    until(lambda: running.counters().posts == 70, what="all posts")
    assert running.texts() == [f"post {n}" for n in range(70)]
    until(lambda: gaps(running.database) == [], what="no gap")
    [row] = [row for row in running.database.fetch(ROWS) if row.cause == "gap"]
    assert row.found == 30
    assert running.counters().position == T0 + 69 * SECOND


def test_a_reading_that_fails_is_tried_again(running: Running, scripted: ScriptedFeed) -> None:
    scripted.emit(*[wire.post(n % 7, f"p{n}", T0 + n * SECOND, f"post {n}") for n in range(70)])
    scripted.plan(
        Script(after=10, then="drop"),
        Script(from_us=T0 + 40 * SECOND),
        Script(then="reject"),
        Script(after=25, then="drop"),
    )
    running.start()
    running.database.execute(Command("UPDATE feed_recheck SET try_after = now()"))
    until(lambda: gaps(running.database) == [] and running.counters().posts == 70, 40, what="all posts and no gap")


def test_the_overlap_of_the_next_connection_fills_a_gap(database: Database, pipeline: Pipeline) -> None:
    # given a gap that a live tail left
    opened = T0 + 3_600 * SECOND
    clock(pipeline, opened)
    pipeline.process([frame(0, T0)])
    pipeline.process([frame(9, T0 + 9 * SECOND, resume=resume(T0, opened))])
    assert gaps(database) == [(0, 9 * SECOND, "clamped")]
    # when the next connection begins in its middle, it fills the rest only once it has come to its end
    pipeline.process([frame(4, T0 + 4 * SECOND, resume=resume(T0 + 9 * SECOND, opened)), frame(5, T0 + 5 * SECOND)])
    assert gaps(database) == [(0, 9 * SECOND, "clamped")]
    pipeline.process([frame(9, T0 + 9 * SECOND), frame(10, T0 + 10 * SECOND)])
    assert gaps(database) == [(0, 4 * SECOND, "clamped")]
    # and a second reading of the whole still settles what is left of it
    row = next(row for row in database.fetch(ROWS) if row.cause == "gap")
    read_again(pipeline, row, *(T0 + at * SECOND for at in (0, 2, 12)), opened_us=opened)
    assert gaps(database) == []


def test_a_reading_brings_nothing_from_past_its_stretch(database: Database, pipeline: Pipeline) -> None:
    # given a server that forgot so much that a reading begins past the position
    opened = T0 + 3_600 * SECOND
    clock(pipeline, opened)
    pipeline.process([frame(0, T0)])
    pipeline.process([frame(9, T0 + 9 * SECOND, resume=resume(T0, opened))])
    row = next(row for row in database.fetch(ROWS) if row.cause == "gap")
    read_again(pipeline, row, T0 + 60 * SECOND, T0 + 61 * SECOND, opened_us=opened)
    # then the next connection's late first event is still new, and the gap before it a row
    pipeline.process([frame(60_000, T0 + 60 * SECOND, resume=resume(T0 + 9 * SECOND, opened))])
    assert gaps(database) == [(0, 9 * SECOND, "clamped"), (9 * SECOND, 60 * SECOND, "clamped")]
