"""Event time: order, pauses, gaps and restarts change nothing."""

from __future__ import annotations

import random

import msgspec
import pytest

from services.api.momentum.config import MomentumConfig
from services.api.momentum.engine import Engine, Tick
from shared.errors import ConflictError, InputError
from tests.unit.api.momentum.streams import MINUTE, SMALL, T0, background, by_minute, detected, run, story, topic_ids

STREAM = background(1, 70) + story("q", ("quake", "harbour", "tremor"), onset=32)


@pytest.fixture(scope="module")
def reference() -> list[Tick]:
    ticks = run(STREAM)
    assert detected(ticks)
    return ticks


def test_order_within_the_lateness_changes_nothing(reference: list[Tick]) -> None:
    # given every post delayed by up to the lateness
    chance = random.Random(2)
    delayed = sorted(STREAM, key=lambda o: o.time_us + chance.randrange(SMALL.lateness_us))
    engine, ticks, newest = Engine(SMALL), [], 0
    for start in range(0, len(delayed), 97):
        batch = delayed[start : start + 97]
        engine.observe(batch)
        newest = max([newest, *(o.time_us for o in batch)])
        ticks += engine.advance(newest - newest % MINUTE)
    ticks += engine.advance(T0 + 70 * MINUTE + SMALL.lateness_us)
    assert ticks == reference


def test_a_pause_of_delivery_and_its_catch_up_burst_change_nothing(reference: list[Tick]) -> None:
    engine, minutes = Engine(SMALL), by_minute(STREAM)
    ticks = []
    for minute in range(20):
        engine.observe(minutes[minute])
        ticks += engine.advance(T0 + (minute + 1) * MINUTE)
    # when forty-five minutes arrive at once, backwards
    engine.observe([post for minute in range(65, 19, -1) for post in minutes[minute]])
    ticks += engine.advance(T0 + 66 * MINUTE)
    for minute in range(66, 70):
        engine.observe(minutes[minute])
    ticks += engine.advance(T0 + 70 * MINUTE + SMALL.lateness_us)
    assert ticks == reference


def test_posts_delivered_twice_change_nothing(reference: list[Tick]) -> None:
    engine, ticks, earlier = Engine(SMALL), [], []
    for minute, batch in by_minute(STREAM).items():
        engine.observe([*earlier, *batch, *batch])
        ticks += engine.advance(T0 + (minute + 1) * MINUTE)
        earlier = batch
    ticks += engine.advance(T0 + 70 * MINUTE + SMALL.lateness_us)
    assert ticks == reference
    assert engine.drops.duplicate > len(STREAM)


@pytest.mark.parametrize("cut", [3, 21, 34, 41, 58])
def test_a_restored_engine_continues_bit_for_bit(reference: list[Tick], cut: int) -> None:
    minutes = by_minute(STREAM)
    engine, ticks = Engine(SMALL), []
    for minute, batch in minutes.items():
        half = len(batch) // 2
        engine.observe(batch[:half])
        if minute == cut:
            # a snapshot in the middle of a minute, followed by a replay of what it already holds
            engine = Engine(SMALL, engine.snapshot())
            engine.observe(minutes[max(minute - 1, 0)] + batch[:half])
        engine.observe(batch[half:])
        ticks += engine.advance(T0 + (minute + 1) * MINUTE)
    ticks += engine.advance(T0 + 70 * MINUTE + SMALL.lateness_us)
    assert ticks == reference


def test_a_snapshot_of_a_restored_engine_is_the_same_snapshot() -> None:
    engine = Engine(SMALL)
    run(STREAM, engine, until=50)
    taken = engine.snapshot()
    assert Engine(SMALL, taken).snapshot() == taken


def test_a_snapshot_made_under_other_parameters_or_broken_is_refused() -> None:
    taken = Engine(SMALL).snapshot()
    with pytest.raises(ConflictError, match="other parameters"):
        Engine(msgspec.structs.replace(SMALL, alert_score=5.0), taken)
    for broken in (b"", b"nonsense", taken[: len(taken) // 2]):
        with pytest.raises(InputError, match="cannot be read"):
            Engine(SMALL, broken)


def test_every_parameter_is_part_of_the_digest() -> None:
    assert MomentumConfig().digest() == MomentumConfig().digest() != SMALL.digest()


def test_a_gap_makes_no_topic_and_ends_none() -> None:
    # given a story that is on when forty minutes go missing
    before = [
        o
        for o in background(1, 70) + story("q", ("quake", "tremor"), onset=38, minutes=90, peak=16)
        if o.time_us < T0 + 50 * MINUTE
    ]
    engine = Engine(SMALL)
    ticks = run(before, engine, until=50)
    live = [topic.id for topic in ticks[-1].topics]
    assert len(live) == 1
    # when
    engine.gap(T0 + 50 * MINUTE, T0 + 70 * MINUTE)
    age = engine.baseline_minutes
    rest = story("q", ("quake", "tremor"), onset=38, minutes=90, peak=16)
    after = run(
        background(3, 20, start=70) + [o for o in rest if T0 + 70 * MINUTE <= o.time_us < T0 + 90 * MINUTE], engine
    )
    # then nothing new appears, the story goes on, and the gap added no age
    assert topic_ids(after) == live
    assert not any(tick.ended for tick in after)
    assert engine.baseline_minutes == age + 20
    assert [tick.minute_us for tick in after] == [T0 + minute * MINUTE for minute in range(70, 90)]


def test_a_long_silence_is_skipped_and_harmless() -> None:
    engine = Engine(SMALL)
    run(background(1, 70), engine)
    after = run(background(4, 30, start=60 * 24 * 400), engine)
    assert len(after) == 30
    assert topic_ids(after) == []


def test_a_late_post_amends_counts_and_a_very_late_one_is_counted_as_dropped() -> None:
    engine = Engine(SMALL)
    run([o for o in STREAM if o.time_us < T0 + 45 * MINUTE], engine)
    late = [
        msgspec.structs.replace(o, post=f"late{i}", author=i)
        for i, o in enumerate(story("q2", ("quake", "tremor"), 40, 4, 30))
    ]
    before = engine.ring.totals(44)
    engine.observe([o for o in late if o.time_us < T0 + 44 * MINUTE])
    engine.observe([msgspec.structs.replace(late[0], post="old", time_us=T0 + 10 * MINUTE)])
    tick = run(background(5, 1, start=45), engine)[0]
    assert engine.drops.late == 1
    assert engine.ring.totals(45)[-1] > before[-1] + 100
    assert any(post.startswith("late") for _, post, _ in tick.assignments)
