"""Pipelines as the workers tell of them, and runs of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class PipelineRow(Schema, frozen=True, kw_only=True):
    """A pipeline as a worker told of it."""

    name: str
    about: dict[str, Any]


class AskedRow(Schema, frozen=True, kw_only=True):
    """What a run was asked for. ``tainted``: by whom had read strangers' text. ``asked_at`` is when, or was due."""

    pipeline: str
    parameters: dict[str, Any]
    tainted: bool
    asked_at: datetime


class StageRow(Schema, frozen=True, kw_only=True):
    """A stage of a run. ``result`` is what it handed on."""

    name: str
    title: str
    status: str
    result: Any
    detail: str | None
    started_at: datetime | None
    finished_at: datetime | None


#: Numbers that a stage's own steps have: a stage's row is at a multiple of it.
APART = 200

#: In the order of names: workers that start together tell the same, and neither may stand in the other's way.
TELL = Command(
    """INSERT INTO pipeline (name, about) VALUES (%(name)s, %(about)s::jsonb)
       ON CONFLICT (name) DO UPDATE SET about = excluded.about"""
)
FORGET_OTHERS = Command("DELETE FROM pipeline WHERE name <> ALL(%(names)s::text[])")
ALL = Statement("SELECT name, about FROM pipeline ORDER BY name", PipelineRow)
ONE = Statement("SELECT name, about FROM pipeline WHERE name = %(name)s", PipelineRow)

ASKED = Statement(
    """SELECT coalesce(pipeline, '') AS pipeline, coalesce(parameters, '{}') AS parameters, tainted,
              created_at AS asked_at
         FROM run WHERE id = %(run)s""",
    AskedRow,
)

STAGES = Statement(
    """SELECT name, title, status, result, detail, started_at, finished_at
         FROM run_step WHERE run = %(run)s AND kind = 'work' ORDER BY seq""",
    StageRow,
)


class Used(Schema, frozen=True, kw_only=True):
    """Seconds that agents worked."""

    seconds: float


#: In the stages before; what waited for a person does not count.
USED = Statement(
    """SELECT coalesce(sum(extract(epoch FROM finished_at - started_at)), 0)::float8 AS seconds
         FROM run_step WHERE run = %(run)s AND kind <> 'work' AND approval IS NULL AND seq < %(before)s""",
    Used,
)
