"""Whether the platform is worth what it costs: figures by UTC day, each with what it is a part of."""

from __future__ import annotations

from datetime import date

from shared.schemas.base import Schema


class Figure(Schema, frozen=True, kw_only=True):
    """``part`` over ``whole``. ``value`` is ``null`` where ``whole`` is 0: no data, which is neither 0 nor 1."""

    part: int
    whole: int
    value: float | None


class BusinessFigures(Schema, frozen=True, kw_only=True):
    """What each is, exactly, stands in the glossary.

    ``llm_success``: answered of the attempts at language models. ``interaction_cost``: nano-dollars per run that ended.
    ``agent_completion`` and ``pipeline_success``: done of the runs that came to an end by themselves, of agents and of
    everything else. ``cache_hits``: questions that needed no model. ``reports_opened`` and ``reports_helpful``: of the
    reports made in this time, those that were opened, and of those that got a vote, those called helpful.
    """

    llm_success: Figure
    interaction_cost: Figure
    agent_completion: Figure
    pipeline_success: Figure
    cache_hits: Figure
    reports_opened: Figure
    reports_helpful: Figure


class BusinessDay(BusinessFigures, frozen=True, kw_only=True):
    """The figures of one day."""

    day: date


class BusinessKind(Schema, frozen=True, kw_only=True):
    """Runs that ended, of one agent, of one pipeline, or briefings. ``success`` is done of done and failed."""

    name: str
    agent: bool
    done: int
    failed: int
    cancelled: int
    spend_nano_usd: int
    success: float | None


class BusinessMetrics(Schema, frozen=True, kw_only=True):
    """``whole`` is over all ``days``, which come newest first; ``kinds`` with the most runs first."""

    whole: BusinessFigures
    days: list[BusinessDay]
    kinds: list[BusinessKind]


class ReportVote(Schema, frozen=True, kw_only=True):
    """Whether a report was of use."""

    helpful: bool


class ReportUse(Schema, frozen=True, kw_only=True):
    """A report, and whether it was called helpful; ``null`` as long as nobody said."""

    report: str
    helpful: bool | None
