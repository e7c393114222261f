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

    ``contract`` names what it hands in. ``asked``: it can be asked a question; the others work in pipelines.
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

    ``approval`` is what it waits for, or waited for. ``n`` orders them.
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
    started_at: datetime | None
    finished_at: datetime | None


class RunEvents(Schema, frozen=True, kw_only=True):
    """In their order, at most 500. ``next`` is the ``after`` of those that follow. A step's status may still change."""

    status: str
    events: list[RunEvent]
    next: int
