"""Backtests: a rule judged over the past by the same reading, judge and matching as live."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import msgspec

from services.api.metrics import BACKTEST_SECONDS
from services.api.operations.watch_queries import BacktestInput
from services.api.operations.watches import check_period
from services.api.watches.announce import open_stretch
from services.api.watches.episodes import Figures, Step
from services.api.watches.evidence import gather
from services.api.watches.explain import many, reason
from services.api.watches.judge import Judge
from services.api.watches.meaning import Meanings
from services.api.watches.minutes import MINUTE, minute_of, time_of
from services.api.watches.past_topics import PastTopics, read_past
from services.api.watches.series import Counted, Stretch, count, torn_minutes
from services.api.watches.stories import TOPIC_TOO
from services.api.watches.usual import DAY, Usual, reach
from shared.errors import ConflictError, InputError, StoreUnavailable
from shared.schemas.backtest import Backtest, BacktestPoint, Episode, Firing
from shared.schemas.feed import Gap
from shared.schemas.watch import WatchRule
from shared.store import feeds as feed_store
from shared.store import matching
from shared.store import watch_judging as store
from shared.store.database import Database, timed_out

DAYS_MOST = 31
DEFAULT = timedelta(days=7)
#: A backtest that would read for longer is refused with advice.
SECONDS_MOST = 60.0
EPISODES_MOST, POINTS_MOST = 50, 500
BUCKETS = (1, 5, 10, 15, 30, 60, 180, 360, 720, 1440)


class Found(msgspec.Struct):
    """An episode while it is being read."""

    began: int
    last: int
    peak: Figures
    firings: list[Firing] = []
    told_by_topic: bool = False
    over: bool = False


class Backtester:
    """One at a time: a backtest may read a month of posts, and live comes first."""

    def __init__(self, database: Database, meanings: Meanings) -> None:
        self._database, self._meanings = database, meanings
        self._busy = threading.Lock()

    async def __call__(self, query: BacktestInput) -> Backtest:
        """Answer from stored posts. Raises InputError, ConflictError while another runs, StoreUnavailable."""
        return await asyncio.to_thread(self._alone, query)

    def _alone(self, query: BacktestInput) -> Backtest:
        if not self._busy.acquire(blocking=False):
            raise ConflictError("Another backtest is running.", do="Try again when it has ended.")
        try:
            with BACKTEST_SECONDS.time():
                return self._answer(query)
        finally:
            self._busy.release()

    def _answer(self, query: BacktestInput) -> Backtest:
        began, rule = time.monotonic(), query.rule
        extent = self._database.fetch(store.EXTENT, {"feeds": rule.feeds or None})[0]
        newest = extent.data_to or datetime.now(UTC)
        end = minute_of(query.end or newest)
        start = minute_of(query.start) if query.start else end - DEFAULT // MINUTE
        check_period(time_of(start), time_of(end), DAYS_MOST)
        first = minute_of(extent.data_from) if extent.data_from else end
        unseen = None
        if rule.meaning is not None and extent.cold_to is not None and minute_of(extent.cold_to) >= max(first, start):
            first = minute_of(extent.cold_to) + 1
            unseen = f"Meaning sees no posts before {time_of(first):%Y-%m-%d %H:%M} UTC: they are in the archive."
        # Minutes that are not over yet are judged neither live nor here.
        covered = Stretch(start, max(start, min(end, minute_of(newest))))
        before = min(max(start - reach(rule.threshold.minutes), first), start)
        reading = _Reading(self._database, self._meanings, rule, began + SECONDS_MOST)
        counted = reading.counts(Stretch(before, covered.end))
        gaps = reading.gaps(Stretch(before, end))
        torn = torn_minutes(gaps, rule.feeds, Stretch(before, end))
        usual = Usual(before, rule.threshold.minutes)
        topics = reading.topics(covered)
        found, points = _judge(rule, usual, counted, torn, first, start, topics)
        missing = sum(minute in torn or minute < first or minute >= covered.end for minute in range(start, end))
        fired = sum(len(episode.firings) for episode in found)
        shown_topics = topics.shown()
        alone = [len(topic.firings) for topic in shown_topics if topic.firings]
        return Backtest(
            start=time_of(start),
            end=time_of(end),
            fired=fired + sum(alone),
            matched=sum(minute.posts for minute in counted[start - before :]),
            episodes=[reading.shown(episode) for episode in _strongest(found)],
            topics=shown_topics,
            bucket_minutes=(bucket := _bucket(end - start)),
            series=_series(points, start, end, bucket),
            gaps=[gap for gap in gaps if gap.end > time_of(start) and (not rule.feeds or gap.feed in rule.feeds)],
            data_from=extent.data_from,
            data_to=extent.data_to,
            missing_minutes=missing,
            degraded=" ".join(filter(None, (reading.degraded, unseen))) or None,
            summary=_summary(fired + sum(alone), len(found), len(alone), end - start, missing),
            took_ms=round((time.monotonic() - began) * 1000, 1),
        )


class _Reading:
    """Reads the record in chunks that PostgreSQL finishes in time."""

    def __init__(self, database: Database, meanings: Meanings, rule: WatchRule, deadline: float) -> None:
        self._database, self._meanings, self._rule, self._deadline = database, meanings, rule, deadline
        self._window = rule.threshold.minutes
        self.degraded: str | None = None

    def counts(self, stretch: Stretch) -> list[Counted]:
        """Every minute of ``stretch``."""
        counted: list[Counted] = []
        start, size = stretch.start, DAY
        while start < stretch.end:
            if time.monotonic() > self._deadline:
                raise InputError(
                    "This backtest takes too long.",
                    why=f"It was not read within {SECONDS_MOST:.0f} s.",
                    do="Give a shorter period, or rarer words.",
                )
            chunk = Stretch(start, min(start + size, stretch.end))
            try:
                counted += count(self._database, self._condition(chunk), self._window, chunk)
            except StoreUnavailable as error:
                if not timed_out(error) or size == 1:
                    raise
                size = max(1, size // 4)
                continue
            start = chunk.end
        return counted

    def gaps(self, stretch: Stretch) -> list[Gap]:
        """Gaps that touch ``stretch``."""
        return self._database.fetch(feed_store.GAPS_BETWEEN, _bounds(stretch))

    def topics(self, stretch: Stretch) -> PastTopics:
        """Momentum topics of ``stretch`` that hold matching posts, if the rule asks for topics."""
        where = self._condition(Stretch(stretch.start - DAY, stretch.end))
        return read_past(self._database, where, stretch, wanted=self._rule.topics)

    def shown(self, found: Found) -> Episode:
        """An episode with what lies behind it."""
        stretch = Stretch(found.began - self._window + 1, found.last + 1)
        evidence = gather(self._database, self._condition(stretch), stretch)
        return Episode(
            start=time_of(found.began),
            end=time_of(found.last + 1) if found.over else None,
            peak_at=time_of(found.peak.minute + 1),
            peak_posts=found.peak.posts,
            peak_authors=found.peak.authors,
            firings=found.firings,
            told_by_topic=found.told_by_topic,
            matched=evidence.matched,
            languages=evidence.languages,
            samples=evidence.samples,
        )

    def _condition(self, stretch: Stretch) -> matching.Condition:
        sight = self._meanings.look(self._rule, Stretch(stretch.start - self._window + 1, stretch.end))
        if sight.blind:
            raise ConflictError(
                "This rule cannot be judged now.", why=sight.degraded or "The embedding model is still loading."
            )
        self.degraded = self.degraded or sight.degraded
        return matching.condition(self._rule, sight.near)


def _judge(
    rule: WatchRule,
    usual: Usual,
    counted: list[Counted],
    torn: set[int],
    first: int,
    start: int,
    topics: PastTopics,
) -> tuple[list[Found], list[tuple[int | None, float | None]]]:
    """Episodes that reach into the period, and for each of its minutes the posts and the usual a minute."""
    judge, found, points = Judge(rule, usual), list[Found](), list[tuple[int | None, float | None]]()
    for minute in counted:
        number, told_before = usual.end, judge.state.told
        missing = number in torn or number < first
        figures, step = judge.minute(minute, missing=missing, may_fire=number >= start)
        _note(rule, found, figures, step, told_before, topics)
        if number >= start:
            topics.minute(number, open_stretch(rule, step.state, number + 1))
            rate = None if figures.usual is None else figures.usual / rule.threshold.minutes
            points.append((None if missing else minute.posts, rate))
    return [episode for episode in found if episode.last >= start], points


def _note(
    rule: WatchRule, found: list[Found], figures: Figures, step: Step, told_before: int, topics: PastTopics
) -> None:
    """Carry the episodes on by one minute."""
    if step.ended is not None:
        found[-1].over = True
    if not step.holds:
        return
    if step.state.began == figures.minute:
        found.append(Found(began=figures.minute, last=figures.minute, peak=figures))
    episode = found[-1]
    episode.last = figures.minute
    if figures.posts > episode.peak.posts:
        episode.peak = figures
    if step.fired is None:
        return
    telling = topics.telling(Stretch(figures.minute + 1 - rule.threshold.minutes, figures.minute + 1))
    if telling and not step.fired:
        episode.told_by_topic = True
        return
    why = reason(rule, figures, told_before if step.fired else 0)
    episode.firings.append(
        Firing(
            at=time_of(figures.minute + 1),
            level=step.fired,
            posts=figures.posts,
            authors=figures.authors,
            usual=figures.usual,
            ratio=figures.ratio,
            provisional=figures.provisional,
            reason=f"{why} {TOPIC_TOO}" if telling else why,
        )
    )


def _strongest(found: list[Found]) -> list[Found]:
    """At most EPISODES_MOST, those that fired and peaked highest, in order of time."""
    ranked = sorted(found, key=lambda episode: (bool(episode.firings), episode.peak.posts), reverse=True)
    return sorted(ranked[:EPISODES_MOST], key=lambda episode: episode.began)


def _bucket(minutes: int) -> int:
    return next((bucket for bucket in BUCKETS if minutes / bucket <= POINTS_MOST), BUCKETS[-1])


def _series(points: list[tuple[int | None, float | None]], start: int, end: int, bucket: int) -> list[BacktestPoint]:
    """``points`` a minute as points a bucket; one that holds a missing minute has no posts."""
    series = []
    for begin in range(0, end - start, bucket):
        size = min(bucket, end - start - begin)
        part = points[begin : begin + size]
        posts = [counted for counted, _ in part if counted is not None]
        rate = next((usual for _, usual in reversed(part) if usual is not None), None)
        series.append(
            BacktestPoint(
                start=time_of(start + begin),
                posts=sum(posts) if len(posts) == size else None,
                usual=None if rate is None else rate * size,
            )
        )
    return series


def _summary(fired: int, episodes: int, topics: int, minutes: int, missing: int) -> str:
    times = "once" if fired == 1 else f"{fired} times"
    places = [f"in {many(episodes, 'episode')}"] if episodes else []
    places += [f"for {many(topics, 'topic')}"] if topics else []
    said = ", ".join(
        [f"It would have fired {times} in these {_span(minutes)}", " and ".join(places)][: 1 + bool(places)]
    )
    return f"{said}." + (f" Of {_span(missing)} there is no data." if missing else "")


def _span(minutes: int) -> str:
    if minutes >= 2 * DAY:
        return f"{minutes / DAY:.0f} days"
    return f"{minutes / 60:.0f} hours" if minutes >= 120 else f"{minutes} minute{'' if minutes == 1 else 's'}"


def _bounds(stretch: Stretch) -> dict[str, datetime]:
    return {"start": time_of(stretch.start), "end": time_of(stretch.end)}
