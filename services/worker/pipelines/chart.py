"""The momentum chart as geometry in a unit square; the template only draws it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil

from services.worker.pipelines.contracts import Band, Chart, Gathered, Point, Tick
from services.worker.pipelines.pace import MINUTE, Minute, peak, series
from services.worker.pipelines.wording import clock

#: More points than this cannot be told apart on paper: minutes are averaged in bins.
MOST_POINTS = 240
#: Distances between time labels, in minutes.
TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360)
MOST_TIME_TICKS = 8
MOST_VALUE_TICKS = 5


def draw(gathered: Gathered) -> Chart:
    """The chart of the gathered range. Bins that touch a gap are left out of both lines' ends, not zero."""
    minutes = series(gathered)
    width = max(1, ceil(len(minutes) / MOST_POINTS))
    bins = [minutes[start : start + width] for start in range(0, len(minutes), width)]
    posts = [_mean([minute.posts for minute in part]) for part in bins]
    usual = [_mean([minute.usual for minute in part if minute.usual is not None]) for part in bins]
    scale = value_scale(max([*(value or 0 for value in posts), *(value or 0 for value in usual), 1]))
    middles = [(index + 0.5) / len(bins) for index in range(len(bins))]
    highest = peak(minutes)
    moments = [("began", gathered.topic.began_at)]
    if highest:
        moments.append((f"peak {highest.posts:,}", highest.start + MINUTE / 2))
    return Chart(
        caption=f"Posts a minute{f', mean of {width} minutes' if width > 1 else ''}; dashed: usual at that hour",
        posts=_lines(middles, posts, scale[-1]),
        usual=_lines(middles, usual, scale[-1]),
        gaps=_bands(gathered, minutes),
        x_ticks=_time_ticks(gathered.range_start, gathered.range_end),
        y_ticks=[Tick(at=value / scale[-1], label=f"{value:,}") for value in scale],
        marks=[
            Tick(at=at, label=f"{label} ({clock(time)})")
            for label, time in moments
            if 0 <= (at := _position(time, gathered)) <= 1
        ],
    )


def _mean(values: Sequence[int | float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _lines(middles: Sequence[float], values: Sequence[float | None], top: float) -> list[list[Point]]:
    """Stretches of known values, each a line of its own."""
    places = zip(middles, values, strict=True)
    return [
        [Point(x=round(x, 5), y=round(value / top, 5)) for x, value in run if value is not None]
        for known, run in groupby(places, key=lambda place: place[1] is not None)
        if known
    ]


def _bands(gathered: Gathered, minutes: Iterable[Minute]) -> list[Band]:
    """Unknown minutes as stretches."""
    bands = []
    for unknown, run in groupby(minutes, key=lambda minute: minute.posts is None):
        part = list(run)
        if unknown:
            start, end = _position(part[0].start, gathered), _position(part[-1].start + MINUTE, gathered)
            bands.append(Band(start=round(start, 5), end=round(end, 5)))
    return bands


def _position(time: datetime, gathered: Gathered) -> float:
    return (time - gathered.range_start) / (gathered.range_end - gathered.range_start)


def _time_ticks(start: datetime, end: datetime) -> list[Tick]:
    """Labels at whole steps of the clock."""
    span = end - start
    step = timedelta(minutes=next((s for s in TIME_STEPS if span <= s * MINUTE * MOST_TIME_TICKS), TIME_STEPS[-1]))
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + ceil((start - midnight) / step) * step
    ticks = []
    while at <= end:
        ticks.append(Tick(at=round((at - start) / span, 5), label=clock(at)))
        at += step
    return ticks


def value_scale(largest: float) -> list[int]:
    """Round values from 0 to at least ``largest``, evenly spaced by 1, 2 or 5 times a power of ten."""
    step = 1
    while largest > step * (MOST_VALUE_TICKS - 1):
        step = next(s for f in (1, 2, 5, 10) if (s := f * 10 ** (len(str(step)) - 1)) > step)
    return [step * index for index in range(ceil(largest / step) + 1)]
