"""What one step of a briefing hands to the next. Kept as JSON in the step ledger."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.chart import Point as Point
from shared.schemas.chart import Tick as Tick
from shared.schemas.run import Report
from shared.store.briefing import CandidateRow, CountRow, GapRow, KeptRow, MinuteRow, TopicRow, VoiceRow


class Gathered(Schema, frozen=True, kw_only=True):
    """The record about a topic in ``[range_start, range_end)``, in event time.

    ``minutes`` has a row where the topic was counted, oldest first. ``earliest`` and ``posts`` are
    candidates for quotes and may overlap.
    """

    topic: TopicRow
    range_start: datetime
    range_end: datetime
    minutes: list[MinuteRow]
    kept: KeptRow
    voices: list[VoiceRow]
    languages: list[CountRow]
    links: list[CountRow]
    earliest: list[CandidateRow]
    posts: list[CandidateRow]
    gaps: list[GapRow]


class Figure(Schema, frozen=True, kw_only=True):
    """One key figure, ready to print."""

    value: str
    label: str
    note: str = ""


class Composed(Schema, frozen=True, kw_only=True):
    """The written briefing. ``report.pdf`` is settled by the render."""

    report: Report
    figures: list[Figure]
    markdown: str


class Band(Schema, frozen=True, kw_only=True):
    """A stretch of the x axis."""

    start: float
    end: float


class Chart(Schema, frozen=True, kw_only=True):
    """The momentum chart as geometry. Lines are broken where minutes are unknown."""

    caption: str
    posts: list[list[Point]]
    usual: list[list[Point]]
    gaps: list[Band]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    marks: list[Tick]


class Rendered(Schema, frozen=True, kw_only=True):
    """How the render ended: the PDF's size and who made it, or why there is none.

    ``renderer_reason`` says why it was not made by the render node.
    """

    pdf_bytes: int
    reason: str | None = None
    pages: int | None = None
    renderer: str | None = None
    renderer_reason: str | None = None
