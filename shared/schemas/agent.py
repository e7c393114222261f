"""Agents as interfaces show them, and what a run of one did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.schemas.base import Schema


class AgentLimits(Schema, frozen=True, kw_only=True):
    """Where a run stops with what it has."""

    steps: int
    tokens: int
    nano_usd: int
    seconds: int


class Agent(Schema, frozen=True, kw_only=True):
    """One agent. ``approval``: "never" (it changes nothing), "tainted" (once it has read strangers' text), "always".

    ``contract`` names what it hands in: findings, a verdict, an analysis, a draft or a review. ``asked``: it can be
    asked a question; the others work in pipelines.
    """

    name: str
    title: str
    summary: str
    operations: list[str]
    scopes: list[str]
    approval: str
    contract: str
    limits: AgentLimits
    asked: bool = True


class AgentList(Schema, frozen=True, kw_only=True):
    """By name. Empty until a worker has started once."""

    agents: list[Agent]


class RunEvent(Schema, frozen=True, kw_only=True):
    """One step of a run. ``kind``: ask (a language model), call (an operation) or work. ``request`` is what was asked.

    ``approval`` is what it waits for, or waited for. ``rejected`` is why the answer to this question was not accepted;
    ``plainer``, of a stage of a pipeline, why it gave what code writes without a model. ``n`` orders them.
    """

    n: int
    name: str
    title: str
    kind: str
    status: str
    request: Any
    detail: str | None
    cost_nano_usd: int
    approval: str | None
    rejected: str | None = None
    plainer: str | None = None
    started_at: datetime | None
    finished_at: datetime | None


class RunEvents(Schema, frozen=True, kw_only=True):
    """In their order, at most 500. ``next`` is the ``after`` of those that follow. A step's status may still change."""

    status: str
    events: list[RunEvent]
    next: int


class RunState(Schema, frozen=True, kw_only=True):
    """A run as a whole, as its stream tells it. ``limit_nano_usd`` is what it may cost, once a model was asked."""

    run: str
    status: str
    error: str | None
    report: str | None
    attempts: int
    spend_nano_usd: int
    limit_nano_usd: int | None


class RunGone(Schema, frozen=True, kw_only=True):
    """The step with the number ``n`` was forgotten: the run was done again from before it."""

    n: int


class RunEnd(Schema, frozen=True, kw_only=True):
    """The last event. ``status`` is done, failed, cancelled or removed; ``report`` is the id of what was written."""

    status: str
    error: str | None
    report: str | None


class RunStream(Schema, frozen=True, kw_only=True):
    """What the stream of a run holds, by the names of its events.

    ``step`` and ``gone`` carry an ``id`` to go on behind. A step with an ``n`` that was seen before replaces it.
    """

    run: RunState
    step: RunEvent
    gone: RunGone
    end: RunEnd
