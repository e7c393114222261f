"""State of every unit and dependency, with a reason and a since."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.schemas.base import Schema

State = Literal["ok", "degraded", "down", "off"]


class Component(Schema, frozen=True, kw_only=True):
    """``effect`` says in plain words what the user misses while it is not ok; ``do`` what helps."""

    name: str
    title: str
    state: State
    reason: str | None = None
    effect: str | None = None
    do: str | None = None
    since: datetime


class Figures(Schema, frozen=True, kw_only=True):
    """Whole-platform figures for the status strip. ``None`` means unknown, never zero.

    Posts from ``hot_from`` on are in the hot window; about ``posts_archived`` older ones lie in the archive.
    """

    posts_stored: int | None = None
    vectors_stored: int | None = None
    vectors_pending: int | None = None
    events_per_second: float | None = None
    clock_drift_seconds: float | None = None
    hot_from: datetime | None = None
    posts_archived: int | None = None
    archive_days: int | None = None
    archive_bytes: int | None = None
    spend_nano_usd: int = 0
    budget_nano_usd: int = 0


class Health(Schema, frozen=True, kw_only=True):
    """``state`` is the worst of the components that are not off."""

    state: State
    components: list[Component]
    figures: Figures
    version: str
    now: datetime
