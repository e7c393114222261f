"""Charts in reports: their figures, and where these lie."""

from __future__ import annotations

from typing import Literal

from shared.schemas.base import Schema


class Point(Schema, frozen=True, kw_only=True):
    """Position in the plot: ``x`` from 0 (range start) to 1 (range end), ``y`` from 0 (none) to 1 (top)."""

    x: float
    y: float


class Tick(Schema, frozen=True, kw_only=True):
    """A labelled place on an axis, or a marked moment."""

    at: float
    label: str


class PlotLine(Schema, frozen=True, kw_only=True):
    """``series`` is its place among the names."""

    series: int
    points: list[Point]


class PlotBar(Schema, frozen=True, kw_only=True):
    """A bar from ``x``, ``wide``, between ``low`` and ``high``."""

    series: int
    x: float
    wide: float
    low: float
    high: float


class Plot(Schema, frozen=True, kw_only=True):
    """One chart. ``names`` are those of its series, empty where there is only one; ``zero`` is where y is 0."""

    title: str
    caption: str
    x_title: str
    y_title: str
    names: list[str]
    lines: list[PlotLine]
    bars: list[PlotBar]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    zero: float


class ChartPoint(Schema, frozen=True, kw_only=True):
    """``x`` is a time (ISO 8601, UTC), a number or a name, as the chart's ``x_kind`` says."""

    x: str | float
    y: float


class ChartSeries(Schema, frozen=True, kw_only=True):
    """One line, or the bars of one colour; without a name where there is only one."""

    name: str
    points: list[ChartPoint]


class ReportChart(Schema, frozen=True, kw_only=True):
    """A chart whose points code took from what a call answered: ``source`` names the call.

    Titles are a model's, plain text. ``note`` says what is missing from the rows. ``drawn`` is
    the same as geometry.
    """

    kind: Literal["line", "bar"]
    title: str
    x_title: str
    y_title: str
    x_kind: Literal["time", "number", "category"]
    series: list[ChartSeries]
    source: str
    note: str = ""
    drawn: Plot | None = None
