"""Judging one stretch of one watch: reads posts, runs the judge, and says what is to be written."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.api.watches import episodes
from services.api.watches.announce import Announcer, Said
from services.api.watches.judge import Judge
from services.api.watches.meaning import Meanings
from services.api.watches.minutes import minute_of, time_of
from services.api.watches.series import Counted, Stretch, count, torn_minutes
from services.api.watches.stories import Told
from services.api.watches.usual import Usual, reach
from shared.schemas.watch import WatchRule
from shared.store import feeds as feed_store
from shared.store import matching
from shared.store import watch_judging as store
from shared.store.database import Database

#: How long a stretch waits for the vectors of its posts, by the database's clock.
VECTOR_PATIENCE_SECONDS = 120


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a stretch brought. ``minutes`` are those with matching posts, ``said`` what is to be told."""

    position: datetime
    state: episodes.State
    told_topics: Told
    degraded: str | None
    minutes: dict[datetime, int]
    said: Said
    judged: int


class Followed:
    """A watch in memory: its judge and its pace. Dropped and made anew after any failure."""

    def __init__(self, row: store.Due, judge: Judge) -> None:
        self._revision, self.before = row.revision, row.evaluated_to
        self.judge = judge
        self.most_minutes = 60
        self.rests_until = 0.0

    @property
    def next(self) -> int:
        """The minute to judge next."""
        return self.judge.usual.end

    def continues(self, row: store.Due) -> bool:
        """Whether the record is where memory is."""
        return (row.revision, row.evaluated_to) == (self._revision, self.before)

    def pace(self, took: float, *, slow: float, quick: float, most: int) -> None:
        """Read less at once after a slow step, more after a quick one."""
        if took > slow:
            self.most_minutes = max(1, self.most_minutes // 2)
        elif took < quick:
            self.most_minutes = min(most, self.most_minutes * 2)

    @classmethod
    def begin(cls, database: Database, row: store.Due, closed: int) -> Followed:
        """From the stored position, or for a new watch from the first minute that what is usual rests on.

        ``closed`` is the minute its feeds have reached.
        """
        rule = msgspec.convert(row.rule, WatchRule)
        earliest = closed - reach(rule.threshold.minutes)
        state = msgspec.convert(row.state, episodes.State)
        extent = database.fetch(store.EXTENT, {"feeds": rule.feeds or None})[0]
        first = minute_of(extent.data_from) if extent.data_from else closed
        if rule.meaning is not None and extent.cold_to is not None:
            # Cold posts mean nothing any more; what was judged since the watch is armed was judged while they did.
            first = max(first, min(minute_of(extent.cold_to) + 1, minute_of(row.armed_at)))
        start = max(earliest, minute_of(row.evaluated_to) if row.evaluated_to else first)
        if row.evaluated_to and start > minute_of(row.evaluated_to):  # paused for longer than we look back
            state = episodes.State(silent_until=state.silent_until)
        usual = Usual(start - reach(rule.threshold.minutes), rule.threshold.minutes)
        known = database.fetch(store.MINUTES, {"watch": row.id, "start": time_of(usual.end)})
        counts = {minute_of(minute.minute): minute.posts for minute in known}
        torn = read_torn(database, rule, Stretch(usual.end, start))
        while usual.end < start:
            minute = usual.end
            usual.append(counts.get(minute, 0), missing=minute < first or minute in torn)
        return cls(row, Judge(rule, usual, state))


def judge_stretch(
    database: Database, meanings: Meanings, row: store.Due, followed: Followed, stretch: Stretch
) -> Outcome | None:
    """Judge ``stretch``; ``None`` when it has to wait. Raises StoreUnavailable."""
    judge = followed.judge
    rule, window = judge.rule, judge.rule.threshold.minutes
    sight = meanings.look(rule, Stretch(stretch.start - window + 1, stretch.end))
    if sight.soon or (sight.near is not None and _awaits_vectors(database, stretch)):
        return None
    if sight.blind:
        if row.degraded != sight.degraded:
            database.execute(store.DEGRADE, {"watch": row.id, "revision": row.revision, "degraded": sight.degraded})
        return None
    where = matching.condition(rule, sight.near)
    counted = count(database, where, window, stretch)
    torn = read_torn(database, rule, stretch)
    announcer = Announcer(database, where, row, rule)
    _judge_minutes(announcer, row, judge, counted, torn)
    if rule.topics and time_of(stretch.end) > row.armed_at and _awake(row, stretch.end - 1):
        announcer.topics(judge.state, stretch.end)
    posts = {time_of(stretch.start + index): minute.posts for index, minute in enumerate(counted) if minute.posts}
    return Outcome(
        position=time_of(stretch.end),
        state=judge.state,
        told_topics=announcer.stories.told,
        degraded=sight.degraded,
        minutes=posts,
        said=announcer.said,
        judged=stretch.end - stretch.start,
    )


def read_torn(database: Database, rule: WatchRule, stretch: Stretch) -> set[int]:
    """Minutes of ``stretch`` that touch a gap of the rule's feeds."""
    bounds = {"start": time_of(stretch.start), "end": time_of(stretch.end)}
    return torn_minutes(database.fetch(feed_store.GAPS_BETWEEN, bounds), rule.feeds, stretch)


def _judge_minutes(announcer: Announcer, row: store.Due, judge: Judge, counted: list[Counted], torn: set[int]) -> None:
    for minute in counted:
        told_before, number = judge.state.told, judge.usual.end
        may_fire = time_of(number + 1) > row.armed_at and _awake(row, number)
        figures, step = judge.minute(minute, missing=number in torn, may_fire=may_fire)
        if step.fired is not None:
            announcer.episode(judge.state, figures, step.fired, told_before)


def _awake(row: store.Due, minute: int) -> bool:
    """Whether what happened in ``minute`` may be told: it is not within a snooze."""
    return row.snoozed_until is None or time_of(minute + 1) > row.snoozed_until


def _awaits_vectors(database: Database, stretch: Stretch) -> bool:
    params = {
        "start": time_of(stretch.start),
        "end": time_of(stretch.end),
        "patience_seconds": VECTOR_PATIENCE_SECONDS,
    }
    waiting = database.fetch(store.WAITING, params)[0]
    return waiting.posts > 0 and waiting.young
