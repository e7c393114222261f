"""Pipelines as interfaces show them: their stages, their schedules, and what each stage of a run gave."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from shared.schemas.base import Schema

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: What a run of a pipeline may be given.
PARAMETERS = ("topic", "feed", "author", "domain", "days", "question")
Parameter = Literal["topic", "feed", "author", "domain", "days", "question"]
SCHEDULES_MOST = 100


class PipelineParameters(Schema, frozen=True, kw_only=True):
    """What a run is about; which of these a pipeline takes, it says itself. Empty, and 0 ``days``, is not given.

    ``domain`` is a site that posts link to, such as example.org; ``days`` how far back; ``question`` what to look for
    in particular.
    """

    topic: Annotated[str, Meta(max_length=200)] = ""
    feed: Annotated[str, Meta(max_length=200)] = ""
    author: Annotated[str, Meta(max_length=200)] = ""
    domain: Annotated[
        str, Meta(max_length=253, pattern=r"^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)?$", examples=["example.org"])
    ] = ""
    days: Annotated[int, Meta(ge=0, le=31)] = 0
    question: Annotated[str, Meta(max_length=1_000)] = ""

    def given(self) -> dict[str, str | int]:
        """Those that are given."""
        return {name: value for name in PARAMETERS if (value := getattr(self, name))}


class PipelineLimits(Schema, frozen=True, kw_only=True):
    """Of a whole run: nano-dollars for language models, seconds of agents' work."""

    nano_usd: int
    seconds: int


class PipelineStage(Schema, frozen=True, kw_only=True):
    """One stage: an ``agent``, or ``code`` of the worker. ``takes`` and ``gives`` name contracts.

    ``limits`` are the agent's in this stage: steps, tokens, nano_usd, seconds.
    """

    name: str
    title: str
    agent: str | None
    code: str | None
    takes: str
    gives: str
    limits: dict[str, int] | None = None


class Pipeline(Schema, frozen=True, kw_only=True):
    """A chain of stages. One of ``needs`` has to be given, if there are any; ``takes`` may be."""

    name: str
    title: str
    summary: str
    needs: list[str]
    takes: list[str]
    defaults: dict[str, Any]
    limits: PipelineLimits
    stages: list[PipelineStage]


class PipelineList(Schema, frozen=True, kw_only=True):
    """By name. Empty until a worker has started once."""

    pipelines: list[Pipeline]


class RunStage(Schema, frozen=True, kw_only=True):
    """A stage of a run and what it gave: ``output`` by ``contract``, exactly as the next stage gets it.

    ``tainted``: strangers' text went into it. ``plainer`` is why code alone gave it where an agent worked.
    """

    name: str
    title: str
    status: str
    contract: str | None
    tainted: bool
    plainer: str | None
    output: Any
    detail: str | None
    started_at: datetime | None
    finished_at: datetime | None


class RunStages(Schema, frozen=True, kw_only=True):
    """In their order."""

    status: str
    stages: list[RunStage]


class Schedule(Schema, frozen=True, kw_only=True):
    """When a pipeline runs by itself: at ``at`` in ``zone`` on ``weekdays`` (none: every day).

    ``due_at`` is the next time, ``None`` while it is off; ``last_run`` the run it made last, and how that stands.
    """

    id: str
    pipeline: str
    parameters: PipelineParameters
    at: str
    weekdays: list[Weekday]
    zone: str
    enabled: bool
    due_at: datetime | None
    last_run: str | None
    last_status: str | None
    last_due_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ScheduleList(Schema, frozen=True, kw_only=True):
    """By the next due time; those that are off come last."""

    schedules: list[Schedule]


class DueTimes(Schema, frozen=True, kw_only=True):
    """The next times, soonest first."""

    times: list[datetime]


def parameters_of(stored: dict[str, Any]) -> PipelineParameters:
    """Parameters as stored."""
    return msgspec.convert(stored, PipelineParameters)
