"""What digests share: the stretch they speak of, its counts in buckets, its gaps, its chart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

import msgspec

from services.worker.pipelines.chart import value_scale
from services.worker.pipelines.contracts import Band, Chart, Point, Tick
from services.worker.pipelines.plain_text import clean
from services.worker.pipelines.typed import Part, Post, Said
from services.worker.pipelines.wording import count, length, moment, stretch
from shared.store import briefing, digests, timeline
from shared.store.briefing import CandidateRow, GapRow
from shared.store.database import Transaction

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST_GAPS, MOST_GAPS_NAMED = 500, 6
#: Buckets of a chart of a record that is younger than its stretch: of so many minutes, and so many at most.
_WIDTHS, _MOST_CLIPPED = (1, 2, 5, 10, 15, 30, 60, 180), 60
#: Minutes between labels of a chart's axis.
_TICKS = (1, 5, 10, 15, 30, 60, 180, 360, 720, 1440, 2880, 5760)
#: Reading that ended so long before the question is told.
STALE = timedelta(hours=1)


class Stretch(msgspec.Struct, frozen=True):
    """[start, end) of event time, in whole buckets of ``minutes``."""

    start: datetime
    end: datetime
    minutes: int

    @property
    def starts(self) -> list[datetime]:
        """Where its buckets begin."""
        width = timedelta(minutes=self.minutes)
        return [self.start + index * width for index in range((self.end - self.start) // width)]

    @property
    def bounds(self) -> dict[str, object]:
        """As parameters of a statement."""
        return {"start": self.start, "end": self.end, "minutes": self.minutes}

    @property
    def before(self) -> Stretch:
        """As long, just before it."""
        return Stretch(self.start - (self.end - self.start), self.start, self.minutes)


class Counts(msgspec.Struct, frozen=True):
    """Posts by feed, and in all by bucket: ``None`` where a bucket touches a gap or lies before reading ``began``."""

    began: datetime

    by_feed: dict[str, int]
    buckets: list[int | None]
    likes: int
    reposts: int
    deletes: int

    @property
    def posts(self) -> int:
        """All of them."""
        return sum(self.by_feed.values())


def reached(transaction: Transaction, asked_at: datetime) -> datetime:
    """How far the feeds had come when it was asked, in UTC."""
    [reach] = transaction.fetch(timeline.REACH)
    return min(reach.newest or asked_at, asked_at).astimezone(UTC)


def stretch_to(end: datetime, span: timedelta, minutes: int) -> Stretch:
    """The stretch of ``span`` up to the minute that ``end`` lies in: no bucket is begun and not over."""
    until = datetime.fromtimestamp(int(end.timestamp()) // 60 * 60, UTC)
    return Stretch(until - span, until, minutes)


def gaps_of(transaction: Transaction, within: Stretch, feed: str = "") -> list[GapRow]:
    """Its gaps, of all feeds or one."""
    found = transaction.fetch(briefing.GAPS, {**within.bounds, "limit": MOST_GAPS})
    return [gap for gap in found if feed in ("", gap.feed)]


def counts_of(transaction: Transaction, within: Stretch, gaps: Sequence[GapRow], feed: str = "") -> Counts:
    """What was counted minute by minute while reading."""
    rows = transaction.fetch(timeline.BUCKETS, {**within.bounds, "feed": feed or None})
    by_feed: dict[str, int] = {}
    at: dict[datetime, int] = {}
    for row in rows:
        by_feed[row.feed] = by_feed.get(row.feed, 0) + row.posts
        start = row.start.astimezone(UTC)
        at[start] = at.get(start, 0) + row.posts
    began = began_at(transaction, within, feed)
    return Counts(
        began=began,
        by_feed=by_feed,
        buckets=known_buckets(within, at, gaps, began),
        likes=sum(row.likes for row in rows),
        reposts=sum(row.reposts for row in rows),
        deletes=sum(row.deletes for row in rows),
    )


def began_at(transaction: Transaction, within: Stretch, feed: str = "") -> datetime:
    """When reading began, in UTC: the beginning of the stretch at the earliest, its end if nothing was read."""
    [row] = transaction.fetch(digests.BEGAN, {"feed": feed or None})
    began = (row.began or within.end).astimezone(UTC)
    return min(max(began, within.start), within.end)


def known_buckets(
    within: Stretch, at: dict[datetime, int], gaps: Sequence[GapRow], began: datetime
) -> list[int | None]:
    """Counts by bucket; what nobody read is not nothing."""
    width = timedelta(minutes=within.minutes)
    return [
        None
        if start + width <= began or any(gap.start_time < start + width and gap.end_time > start for gap in gaps)
        else at.get(start, 0)
        for start in within.starts
    ]


def clipped(within: Stretch, began: datetime) -> Stretch:
    """The part of a young record that there is, in finer buckets; all of an older one."""
    if began < within.start + timedelta(minutes=within.minutes):
        return within
    span = max(within.end - began, timedelta(minutes=2))
    minutes = next((m for m in _WIDTHS if span <= _MOST_CLIPPED * timedelta(minutes=m)), within.minutes)
    width = timedelta(minutes=minutes)
    return Stretch(within.end - -(-span // width) * width, within.end, minutes)


def how_long(within: Stretch, began: datetime) -> str:
    """``in 24 hours``; of a young record how long it is."""
    if began <= within.start:
        return f"in {length(within.end - within.start)}"
    return f"in the {length(within.end - began)} since reading began"


def per(minutes: int) -> str:
    """What one bucket of a chart counts."""
    return {1: "Posts a minute", 60: "Posts an hour", 1440: "Posts a day"}.get(
        minutes, f"Posts in {length(timedelta(minutes=minutes))}"
    )


def draw(within: Stretch, buckets: Sequence[int | None], usual: Sequence[int | None], caption: str) -> Chart | None:
    """``buckets`` as a line, ``usual`` dashed; hatched where nothing could be read. ``None``: nothing to show."""
    known = [value for value in (*buckets, *usual) if value is not None]
    if not any(known):
        return None
    top = value_scale(max(known))
    middles = [(index + 0.5) / len(buckets) for index in range(len(buckets))]
    busiest = max((value, -place) for place, value in enumerate(buckets) if value is not None) if any(buckets) else None
    marks = []
    if busiest:
        place = -busiest[1]
        marks = [Tick(at=middles[place], label=f"{busiest[0]:,} ({within.starts[place]:%a %H:%M})")]
    return Chart(
        caption=caption,
        posts=_lines(middles, buckets, top[-1]),
        usual=_lines(middles, usual, top[-1]),
        gaps=_bands(buckets),
        x_ticks=_ticks(within),
        y_ticks=[Tick(at=value / top[-1], label=f"{value:,}") for value in top],
        marks=marks,
    )


def _lines(middles: Sequence[float], values: Sequence[int | None], top: int) -> list[list[Point]]:
    places = zip(middles, values, strict=False)
    return [
        [Point(x=round(x, 5), y=round(value / top, 5)) for x, value in run if value is not None]
        for known, run in groupby(places, key=lambda place: place[1] is not None)
        if known
    ]


def _bands(values: Sequence[int | None]) -> list[Band]:
    bands, whole = [], len(values)
    for unknown, run in groupby(enumerate(values), key=lambda place: place[1] is None):
        part = [place for place, _ in run]
        if unknown:
            bands.append(Band(start=round(part[0] / whole, 5), end=round((part[-1] + 1) / whole, 5)))
    return bands


def _ticks(within: Stretch) -> list[Tick]:
    """Every few minutes or hours of a short stretch, every so many days of a long one."""
    span = within.end - within.start
    step = next((timedelta(minutes=m) for m in _TICKS if span <= 9 * timedelta(minutes=m)), timedelta(days=7))
    at = within.start.replace(hour=0, minute=0)
    ticks = []
    while at <= within.end:
        if at >= within.start:
            label = f"{at:%a} {at.day}" if step >= DAY or (step > 6 * HOUR and at.hour == 0) else f"{at:%H:%M}"
            ticks.append(Tick(at=round((at - within.start) / span, 5), label=label))
        at += step
    return ticks


def chart_of(
    transaction: Transaction,
    within: Stretch,
    counts: Counts,
    before: Sequence[int | None],
    gaps: Sequence[GapRow],
    *,
    dashed: str = "",
    feed: str = "",
) -> Chart | None:
    """What was counted as a chart. Of a young record it shows the part that there is."""
    shown = clipped(within, counts.began)
    if shown != within:
        counts, before, dashed = counts_of(transaction, shown, gaps, feed), [], ""
    caption = f"{per(shown.minutes)}{f'; dashed: {dashed}' if dashed else ''}"
    return draw(shown, counts.buckets, before, caption)


def missing(gaps: Sequence[GapRow], within: Stretch, asked_at: datetime, end: datetime) -> Part | None:
    """What could not be read, in words; ``None`` where nothing is missing."""
    said = []
    if asked_at - end > STALE:
        said.append(
            Said(
                text=f"Nothing newer than {moment(end)} has been read: {length(asked_at - end)} before this was asked."
            )
        )
    if gaps:
        lost = sum((lost_in(gap, within) for gap in gaps), timedelta())
        said.append(
            Said(
                text=f"{count(len(gaps), 'gap')}, {length(lost)} in all. They are not zero, they are unknown: "
                "true figures may be higher."
            )
        )
        longest = sorted(gaps, key=lambda gap: -lost_in(gap, within))[:MOST_GAPS_NAMED]
        said += [
            Said(
                text=f"{stretch(gap.start_time, gap.end_time)} ({length(gap.end_time - gap.start_time)}): the feed "
                f"{clean(gap.feed, longest=60)}; cause: {clean(gap.cause, longest=120)}."
            )
            for gap in longest
        ]
        if more := len(gaps) - len(longest):
            said.append(Said(text=f"{count(more, 'more gap')}, shorter than these."))
    return Part(heading="What is missing", said=said) if said else None


def lost_in(gap: GapRow, within: Stretch) -> timedelta:
    """How much of the stretch a gap took."""
    return max(min(gap.end_time, within.end) - max(gap.start_time, within.start), timedelta())


def unread(gaps: Sequence[GapRow], within: Stretch) -> str:
    """What a figure of another stretch has to be read with, in brackets; nothing where it was read whole."""
    lost = sum((lost_in(gap, within) for gap in gaps), timedelta())
    return f" (of which {length(lost)} could not be read)" if lost else ""


def change(now: int, before: int) -> str:
    """``12 % more than the 300``: in whole percent, or as a multiple; nothing where there was nothing."""
    if not before:
        return ""
    if now >= 2 * before:
        return f"{now / before:.1f} times the {before:,}"
    percent = round(100 * (now - before) / before)
    if percent == 0:
        return f"as many as the {before:,}"
    return f"{abs(percent)} % {'more' if percent > 0 else 'fewer'} than the {before:,}"


def post_of(row: CandidateRow) -> Post:
    """A candidate as something to cite."""
    return Post(
        id=str(row.id),
        uri=row.uri,
        author=row.author,
        time=row.event_time,
        text=clean(row.text),
        languages=[clean(language, longest=20) for language in row.languages],
    )
