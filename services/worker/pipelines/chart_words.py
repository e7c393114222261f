"""A chart's points in words: what a report says of one where no model does, and what a writer may say."""

from __future__ import annotations

from services.worker.agents.charts import Drawn
from services.worker.pipelines.plot import figure, place
from services.worker.pipelines.typed import Said
from services.worker.pipelines.wording import listing
from shared.schemas.chart import ChartPoint, ReportChart

MOST_NAMED = 4
#: Points of one chart that a writer is shown, and may so speak of: the largest, in their order.
MOST_SHOWN = 40


def points_of(chart: ReportChart) -> list[str]:
    """Its largest points, each with its place and series."""
    every = [(series.name, point) for series in chart.series for point in series.points]
    least = sorted((point.y for _, point in every), reverse=True)[:MOST_SHOWN][-1]
    kept = [(name, point) for name, point in every if point.y >= least][:MOST_SHOWN]
    return [f"{f'{name}, ' if name else ''}{place(point.x, chart.x_kind)}: {figure(point.y)}" for name, point in kept]


def told(drawn: Drawn) -> list[Said]:
    """Each of its series in a sentence that cites the call."""
    chart = drawn.chart
    return [
        Said(text=f"{_head(chart, series.name)}: {_course(chart, series.points)}.", calls=[drawn.call])
        for series in chart.series
        if series.points
    ]


def _head(chart: ReportChart, name: str) -> str:
    return f"{chart.title}, {name}" if name else chart.title


def _course(chart: ReportChart, points: list[ChartPoint]) -> str:
    def at(point: ChartPoint) -> str:
        return f"{figure(point.y)} at {place(point.x, chart.x_kind)}"

    if chart.kind == "line":
        high, low = max(points, key=lambda point: point.y), min(points, key=lambda point: point.y)
        return f"between {at(low)} and {at(high)}" if high.y > low.y else f"{figure(high.y)} throughout"
    ranked = sorted(points, key=lambda point: -point.y)
    named = [f"{place(point.x, chart.x_kind)} {figure(point.y)}" for point in ranked[:MOST_NAMED]]
    more = f"; {len(ranked) - MOST_NAMED:,} more" if len(ranked) > MOST_NAMED else ""
    return listing(named) + more
