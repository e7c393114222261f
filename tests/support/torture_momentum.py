"""What momentum makes of a record that survived a torture run, beside what it makes of the stream itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from services.api.momentum.config import MomentumConfig
from services.api.momentum.engine import Engine, Observation, Tick
from services.api.momentum.model import MINUTE_US
from services.solo.simulator.stream import Stream
from shared.store import momentum
from shared.store.database import Database
from tests.support.recorded import read
from tests.support.torture_truth import GapRow

#: A run is minutes long and momentum wants an hour, so event time is stretched, for both alike.
STRETCH = 15
#: Small, and so easily impressed that there is something to compare: topics of chance are topics here.
_CONFIG = MomentumConfig(
    **{"sketch_bits": 14, "profile_bits": 12, "pair_bits": 18, "copy_bits": 14, "pending_minutes": 100_000},
    **{"candidate_score": 0.8, "alert_score": 1.2, "provisional_factor": 1.0, "support_posts": 3, "min_authors": 2},
    **{"min_texts": 2, "lag_minutes": 20, "candidates": 48},
)


class Momentum(msgspec.Struct, kw_only=True):
    """``wrong`` says what differs between the two; nothing does when the record is the stream."""

    posts: int
    minutes: int
    topics: int
    detections: int
    wrong: list[str]


def compare(database: Database, stream: Stream, position_us: int, gaps: Sequence[GapRow]) -> Momentum:
    """The stored posts in the order stored, restored from a snapshot after each minute, beside those served in order.

    What was deleted or could not be had is left out of both; that the rest is all there, ``torture_truth`` judges.
    """
    rows = database.fetch(momentum.POSTS_AFTER, {"feed": "simulator", "after": 0, "limit": 10_000_000})
    stored = {
        row.id: Observation(row.time_us, row.id, row.author, tuple(row.terms), row.fingerprint, row.language)
        for row in rows
    }
    events = stream.between(stream.anchor_us, position_us + 1)
    served = {
        reading.post.post: reading.post
        for reading in read(event.frame for event in events)
        if reading is not None and reading.post is not None and reading.post.post in stored
    }
    wrong = [f"stored {post}, served {served.get(id)}" for id, post in stored.items() if served.get(id) != post]
    last_us = max((post.time_us for post in stored.values()), default=stream.anchor_us)
    clock = _Clock(stream.anchor_us, last_us)
    killed = _ticks(clock, [(0, list(map(clock.stretched, stored.values())))], gaps, restored=True)
    in_order = sorted(map(clock.stretched, served.values()), key=lambda post: post.time_us)
    minutes = groupby(in_order, key=lambda post: post.time_us // MINUTE_US * MINUTE_US)
    straight = _ticks(clock, [(start_us, list(posts)) for start_us, posts in minutes], gaps, restored=False)
    wrong += [
        f"minute {one.minute_us}: {one} is not {two}" for one, two in zip(killed, straight, strict=False) if one != two
    ][:3]
    if len(killed) != len(straight):
        wrong.append(f"{len(killed)} minutes of the record, {len(straight)} of the stream")
    return Momentum(
        posts=len(stored),
        minutes=len(straight),
        topics=len({topic.id for tick in straight for topic in tick.topics}),
        detections=sum(len(tick.detections) for tick in straight),
        wrong=[line[:400] for line in wrong[:5]],
    )


class _Clock:
    """Stretched time, from a whole minute on."""

    def __init__(self, anchor_us: int, last_us: int) -> None:
        self._anchor_us, self._start_us = anchor_us, anchor_us // MINUTE_US * MINUTE_US
        self.ends = range(self._start_us + MINUTE_US, self.at(last_us), MINUTE_US)

    def at(self, time_us: int) -> int:
        return self._start_us + (time_us - self._anchor_us) * STRETCH

    def stretched(self, post: Observation) -> Observation:
        return msgspec.structs.replace(post, time_us=self.at(post.time_us))


def _ticks(
    clock: _Clock, deliveries: Iterable[tuple[int, list[Observation]]], gaps: Sequence[GapRow], *, restored: bool
) -> list[Tick]:
    """What each minute says, posts observed when due; with ``restored`` after a kill in each minute."""
    engine, ticks, waiting = Engine(_CONFIG), [], deque(deliveries)
    for gap in gaps:
        engine.gap(clock.at(gap.start_us), clock.at(gap.end_us))
    for end_us in clock.ends:
        while waiting and waiting[0][0] < end_us:
            engine.observe(waiting.popleft()[1])
        ticks += engine.advance(end_us + engine.config.lateness_us)
        if restored:
            engine = Engine(_CONFIG, engine.snapshot())
    return ticks
