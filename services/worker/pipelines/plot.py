"""A report's chart as geometry in a unit square: what draws it needs no arithmetic of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10

from shared.schemas.chart import Plot, PlotBar, PlotLine, Point, ReportChart, Tick

#: Seconds between labels of a time axis.
STEPS = (60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 7_776_000)
MOST_X_TICKS, MOST_Y_STEPS = 8, 5
#: Characters that fit below all the bars together.
LABEL_ROOM = 96
#: Part of a bar's place that it fills.
FILLED = 0.78


def plot(chart: ReportChart) -> Plot:
    """Where everything of ``chart`` goes. Pure."""
    values = [point.y for series in chart.series for point in series.points]
    scale = _scale(min([0.0, *values]), max([0.0, *values]))
    low, high = scale[0], scale[-1]

    def at_y(value: float) -> float:
        return round((value - low) / (high - low), 5)

    lines: list[PlotLine] = []
    bars: list[PlotBar] = []
    if chart.kind == "line":
        numbers = [_number(point.x) for series in chart.series for point in series.points]
        start, end = min(numbers), max(numbers)
        span = (end - start) or 1.0
        for place, series in enumerate(chart.series):
            points = [Point(x=round((_number(p.x) - start) / span, 5), y=at_y(p.y)) for p in series.points]
            lines.append(PlotLine(series=place, points=points))
        ticks = _times(start, end) if chart.x_kind == "time" else _numbers(start, end)
    else:
        places = _places(chart)
        wide = FILLED / len(places) / len(chart.series)
        for number, series in enumerate(chart.series):
            for point in series.points:
                x = (places.index(point.x) + (1 - FILLED) / 2) / len(places) + number * wide
                ends = sorted((at_y(0), at_y(point.y)))
                bars.append(PlotBar(series=number, x=round(x, 5), wide=round(wide, 5), low=ends[0], high=ends[1]))
        ticks = _below(places, chart.x_kind)
    return Plot(
        title=chart.title,
        caption=caption(chart),
        x_title=chart.x_title,
        y_title=_cut(chart.y_title, 28) if len(chart.series) > 1 else chart.y_title,
        names=_names(chart),
        lines=lines,
        bars=bars,
        x_ticks=ticks,
        y_ticks=[Tick(at=at_y(value), label=figure(value)) for value in scale],
        zero=at_y(0),
    )


def caption(chart: ReportChart) -> str:
    """Where the figures are from."""
    times = " Times in UTC." if chart.x_kind == "time" else ""
    return f"Figures: {chart.source}.{times}{f' {chart.note}' if chart.note else ''}"


def figure(value: float) -> str:
    """A number as people read it, with at most four digits after the point."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.4f}".rstrip("0")


def place(x: str | float, kind: str) -> str:
    """A place on the x axis in words, for a table."""
    if isinstance(x, float):
        return figure(x)
    if kind != "time":
        return x
    time = datetime.fromisoformat(x)
    return f"{time:%Y-%m-%d}" if _is_day(time) else f"{time:%Y-%m-%d %H:%M}"


def _names(chart: ReportChart) -> list[str]:
    """Of several series, shortened to stand in one row beside the axis's title. The tables have them whole."""
    if len(chart.series) == 1:
        return []
    room = min(18, 60 // len(chart.series))
    return [_cut(series.name or "other", room) for series in chart.series]


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _places(chart: ReportChart) -> list[str | float]:
    """The bars' places, each once: times and numbers by size, names as they come."""
    found = list(dict.fromkeys(point.x for series in chart.series for point in series.points))
    return found if chart.x_kind == "category" else sorted(found, key=_number)


def _number(x: str | float) -> float:
    return x if isinstance(x, float) else datetime.fromisoformat(x).timestamp()


def _is_day(time: datetime) -> bool:
    return (time.hour, time.minute, time.second) == (0, 0, 0)


def _scale(low: float, high: float) -> list[float]:
    """Round values from at most ``low`` to at least ``high``, evenly spaced by 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [0.0, 1.0]
    step = _step((high - low) / MOST_Y_STEPS)
    return [round(step * index, 12) for index in range(floor(low / step), ceil(high / step) + 1)]


def _step(least: float) -> float:
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _numbers(start: float, end: float) -> list[Tick]:
    if end <= start:
        return [Tick(at=0.0, label=figure(start))]
    step = _step((end - start) / MOST_X_TICKS)
    values = [step * index for index in range(ceil(start / step), floor(end / step) + 1)]
    return [Tick(at=round((value - start) / (end - start), 5), label=figure(round(value, 12))) for value in values]


def _times(start: float, end: float) -> list[Tick]:
    """Labels at whole steps of the clock; days by their date."""
    if end <= start:
        return [Tick(at=0.0, label=_told(start, days=False))]
    step = next(
        (s for s in STEPS if end - start <= s * MOST_X_TICKS), ceil((end - start) / MOST_X_TICKS / 86_400) * 86_400
    )
    first = ceil(start / step) * step
    times = range(int(first), int(end) + 1, step)
    days = step >= timedelta(days=1).total_seconds()
    return [Tick(at=round((time - start) / (end - start), 5), label=_told(time, days=days)) for time in times]


def _told(time: float, *, days: bool) -> str:
    moment = datetime.fromtimestamp(time, UTC)
    return f"{moment.day} {moment:%b}" if days or _is_day(moment) else f"{moment:%H:%M}"


def _below(places: Sequence[str | float], kind: str) -> list[Tick]:
    """Names under bars, shortened to their room; where there is none for all, under every second, third and so on."""
    labels = [_short(x, kind, places) for x in places]
    room = LABEL_ROOM // len(labels)
    every = 1 if room >= min(6, max(map(len, labels))) else ceil(6 / max(room, 1))
    room *= every
    return [
        Tick(at=round((number + 0.5) / len(labels), 5), label=_cut(label, room))
        for number, label in enumerate(labels)
        if number % every == 0
    ]


def _short(x: str | float, kind: str, places: Iterable[str | float]) -> str:
    if kind == "time" and isinstance(x, str):
        days = all(_is_day(datetime.fromisoformat(str(other))) for other in places)
        return _told(_number(x), days=days)
    return figure(x) if isinstance(x, float) else x
