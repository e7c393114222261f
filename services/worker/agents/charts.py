"""Charts of an analyst's: it says what to draw, and code takes the points from what a call answered.

So a figure in a chart is the data's and never a model's.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from services.worker.agents.evidence import Called, Evidence
from services.worker.agents.python_tool import PYTHON
from services.worker.pipelines.plain_text import excerpt
from shared.schemas.base import Schema
from shared.schemas.chart import ChartPoint, ChartSeries, ReportChart

MOST_CHARTS, MOST_POINTS, MOST_BARS, MOST_SERIES = 3, 600, 60, 6
_LABEL = 60
_Title = Annotated[str, Meta(min_length=1, max_length=120)]
_Axis = Annotated[str, Meta(max_length=60)]
_Name = Annotated[str, Meta(min_length=1, max_length=63)]


class ChartAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``call`` is one whose answer has rows: query, or run_python that left some in result.json. ``x``, ``y`` and
    ``series`` are names of its columns; ``y`` holds numbers, and ``series`` (or nothing) parts the rows into lines.
    """

    kind: Literal["line", "bar"]
    title: _Title
    call: Annotated[str, Meta(max_length=10)]
    x: _Name
    y: _Name
    series: Annotated[str, Meta(max_length=63)] = ""
    x_title: _Axis = ""
    y_title: _Axis = ""


class Drawn(Schema, frozen=True, kw_only=True):
    """A chart, and the call whose answer it draws."""

    call: str
    chart: ReportChart


class NoChart(Exception):
    """Why there is none, for the model."""


class _Table(msgspec.Struct, frozen=True):
    """Rows by column; ``note`` says what is missing."""

    columns: list[str]
    rows: list[list[Any]]
    note: str


def draw(asked: ChartAsked, evidence: Evidence) -> Drawn:
    """See ``build``."""
    return Drawn(call=asked.call, chart=build(asked, evidence))


def build(asked: ChartAsked, evidence: Evidence) -> ReportChart:
    """The chart with its points. Raises NoChart."""
    called = evidence.calls.get(asked.call)
    if called is None:
        raise NoChart(f"it draws the call {asked.call!r}, which was not made")
    table = _table(called, asked.call)
    x, y = _column(table, asked.x), _column(table, asked.y)
    named = _column(table, asked.series) if asked.series else None
    if not any(row[x] is not None and row[y] is not None for row in table.rows):
        raise NoChart("there is not one row with both columns")
    kind = _kind([row[x] for row in table.rows])
    if asked.kind == "line" and kind == "category":
        raise NoChart(f"a line needs times or numbers, and {asked.x!r} holds something else: draw bars")
    points: dict[str, dict[str | float, float]] = {}
    for row in table.rows:
        if row[y] is None or row[x] is None:
            continue
        series = excerpt(str(row[named]), longest=_LABEL) if named is not None and row[named] is not None else ""
        _put(points.setdefault(series, {}), _place(row[x], kind), _figure(row[y], asked.y), asked.x)
    _bounded(asked, points)
    return ReportChart(
        kind=asked.kind,
        title=excerpt(asked.title, longest=120),
        x_title=excerpt(asked.x_title, longest=60),
        y_title=excerpt(asked.y_title, longest=60),
        x_kind=kind,
        series=[ChartSeries(name=name, points=_ordered(there, kind)) for name, there in points.items()],
        source=f"call {asked.call} ({called.operation})",
        note=table.note,
    )


def unsound(chart: ReportChart) -> str:
    """Why a chart that was stored cannot be drawn, or nothing: what ``build`` makes is always sound."""
    points = [point for series in chart.series for point in series.points]
    most = MOST_POINTS if chart.kind == "line" else MOST_BARS
    if not points or len(points) > most or len(chart.series) > MOST_SERIES:
        return f"has {len(points)} points in {len(chart.series)} series"
    if not all(map(_is_number, (point.y for point in points))):
        return "holds a figure that is no number"
    kinds = {"time": lambda x: isinstance(x, str) and _time(x), "number": _is_number, "category": _is_text}
    if not all(kinds[chart.x_kind](point.x) for point in points):
        return f"holds a place that is no {chart.x_kind}"
    if chart.kind == "line" and chart.x_kind == "category":
        return "is a line between names"
    return ""


def _table(called: Called, number: str) -> _Table:
    try:
        told = msgspec.json.decode(called.text)
    except msgspec.DecodeError:
        told = None
    if called.operation == "query" and isinstance(told, dict):
        note = {"rows": "Only the first rows that were asked for.", "bytes": "Only as many rows as an answer may hold."}
        columns = [column["name"] for column in told["columns"]]
        return _Table(columns, told["rows"], note.get(told["more"] or "", ""))
    if called.operation == PYTHON.name and isinstance(told, dict):
        return _calculated(told["result"], number)
    raise NoChart(f"{number} is a call of {called.operation}: only query and run_python have rows to draw")


def _calculated(result: Any, number: str) -> _Table:
    """A list of objects, or columns and rows."""
    columns: Any
    if isinstance(result, list) and result and all(isinstance(row, dict) for row in result):
        columns = list(dict.fromkeys(name for row in result for name in row))
        return _Table(columns, [[row.get(name) for name in columns] for row in result], "")
    if isinstance(result, dict):
        columns, rows = result.get("columns"), result.get("rows")
        if (
            isinstance(columns, list)
            and isinstance(rows, list)
            and all(isinstance(name, str) for name in columns)
            and all(isinstance(row, list) and len(row) == len(columns) for row in rows)
        ):
            return _Table(columns, rows, "")
    raise NoChart(f"{number} left no rows in result.json: a list of objects, or {{columns, rows}}")


def _column(table: _Table, name: str) -> int:
    if table.columns.count(name) != 1:
        there = ", ".join(dict.fromkeys(table.columns))[:300]
        raise NoChart(f"there is not one column {name!r}; there are {there or 'none'}")
    return table.columns.index(name)


def _kind(values: list[Any]) -> Literal["time", "number", "category"]:
    known = [value for value in values if value is not None]
    if known and all(_is_number(value) for value in known):
        return "number"
    if known and all(isinstance(value, str) and _time(value) is not None for value in known):
        return "time"
    return "category"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _time(text: str) -> datetime | None:
    """As ISO 8601 says it; a day is its beginning. In UTC."""
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _place(value: Any, kind: str) -> str | float:
    if kind == "number":
        return float(value)
    if kind == "time":
        time = _time(value)
        assert time is not None  # noqa: S101 - all of them were read before
        return time.isoformat().replace("+00:00", "Z")
    return excerpt("" if value is None else str(value), longest=_LABEL) or "(empty)"


def _figure(value: Any, name: str) -> float:
    if not _is_number(value):
        raise NoChart(f"the column {name!r} holds {str(value)[:40]!r}, which is no number")
    return float(value)


def _put(there: dict[str | float, float], place: str | float, figure: float, name: str) -> None:
    if place in there:
        raise NoChart(
            f"{name!r} is {str(place)[:40]!r} in more than one row: sum them up, or name a column as `series`"
        )
    there[place] = figure


def _bounded(asked: ChartAsked, points: dict[str, dict[str | float, float]]) -> None:
    many = sum(map(len, points.values()))
    most = MOST_POINTS if asked.kind == "line" else MOST_BARS
    if len(points) > MOST_SERIES:
        raise NoChart(f"it has {len(points)} series; at most {MOST_SERIES}")
    if many > most:
        raise NoChart(f"it has {many} points; at most {most}: ask for longer steps or fewer rows")


def _ordered(there: dict[str | float, float], kind: str) -> list[ChartPoint]:
    """Times and numbers by size; other things as the call had them."""
    places = list(there) if kind == "category" else sorted(there)
    return [ChartPoint(x=place, y=there[place]) for place in places]
