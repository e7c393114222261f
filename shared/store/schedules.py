"""Schedules, and the runs that they make: one a due time."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from shared.schemas.base import Schema
from shared.schemas.pipeline import Schedule, Weekday, parameters_of
from shared.store.database import Command, Statement


class ScheduleRow(Schema, frozen=True, kw_only=True):
    """A schedule as stored, with the run it made last and the database's ``now``."""

    id: str
    pipeline: str
    parameters: dict[str, Any]
    at: time
    weekdays: list[Weekday]
    zone: str
    enabled: bool
    tainted: bool
    due_at: datetime | None
    last_run: str | None
    last_status: str | None
    last_due_at: datetime | None
    created_at: datetime
    updated_at: datetime
    now: datetime

    def schedule(self) -> Schedule:
        """The schedule as interfaces show it."""
        left_out = ("parameters", "at", "tainted", "now")
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name not in left_out}
        return Schedule(**fields, parameters=parameters_of(self.parameters), at=f"{self.at:%H:%M}")


class Now(Schema, frozen=True, kw_only=True):
    """The database's time, and how many schedules there are."""

    now: datetime
    count: int


class Id(Schema, frozen=True, kw_only=True):
    """The id of a row."""

    id: str


_SCHEDULE = """SELECT schedule.id::text, pipeline, parameters, at, weekdays, zone, enabled, tainted, schedule.due_at,
       made.id::text AS last_run, made.status AS last_status, made.due_at AS last_due_at, created_at, updated_at,
       now() AS now
  FROM schedule LEFT JOIN LATERAL (
    SELECT run.id, run.status, run.due_at FROM run WHERE run.schedule = schedule.id
     ORDER BY run.due_at DESC LIMIT 1) AS made
    ON true"""

ALL = Statement(f"{_SCHEDULE} ORDER BY schedule.due_at NULLS LAST, schedule.id", ScheduleRow)
ONE = Statement(f"{_SCHEDULE} WHERE schedule.id = %(id)s", ScheduleRow)
HOLD = Statement("SELECT id::text FROM schedule WHERE id = %(id)s FOR UPDATE", Id)
#: One at a time, so that the number of rows is bounded whatever comes at once.
LOCK = Command("SELECT pg_advisory_xact_lock(hashtext('groundswell-schedules'))")
NOW = Statement("SELECT now() AS now, (SELECT count(*) FROM schedule) AS count", Now)

CREATE = Statement(
    """INSERT INTO schedule (pipeline, parameters, at, weekdays, zone, enabled, tainted, due_at)
       VALUES (%(pipeline)s, %(parameters)s::jsonb, %(at)s, %(weekdays)s, %(zone)s, %(enabled)s, %(tainted)s,
               %(due_at)s)
       RETURNING id::text""",
    Id,
)
CHANGE = Command(
    """UPDATE schedule SET parameters = %(parameters)s::jsonb, at = %(at)s, weekdays = %(weekdays)s, zone = %(zone)s,
              enabled = %(enabled)s, tainted = tainted OR %(tainted)s, due_at = %(due_at)s, updated_at = now()
        WHERE id = %(id)s"""
)
REMOVE = Statement("DELETE FROM schedule WHERE id = %(id)s RETURNING id::text", Id)

#: Those that are due, each for one worker.
DUE = Statement(
    """SELECT id::text, pipeline, parameters, at, weekdays, zone, enabled, tainted, due_at, NULL AS last_run,
              NULL AS last_status, NULL::timestamptz AS last_due_at, created_at, updated_at, now() AS now
         FROM schedule WHERE due_at <= now() ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED""",
    ScheduleRow,
)
#: The run of a due time, with its job. No row: there is one already.
RUN = Statement(
    """WITH made AS (
         INSERT INTO run (kind, topic, title, pipeline, parameters, tainted, schedule, due_at)
         VALUES ('pipeline', %(topic)s, %(title)s, %(pipeline)s, %(parameters)s::jsonb, %(tainted)s, %(schedule)s::uuid,
                 %(due_at)s)
         ON CONFLICT (schedule, due_at) WHERE schedule IS NOT NULL DO NOTHING RETURNING id),
       job AS (INSERT INTO outbox (actor, queue, args)
               SELECT %(actor)s, %(queue)s, jsonb_build_object('run_id', id::text) FROM made)
       SELECT id::text FROM made""",
    Id,
)
MOVE_ON = Command("UPDATE schedule SET due_at = %(due_at)s WHERE id = %(id)s::uuid")
OFF = Command("UPDATE schedule SET enabled = false, due_at = NULL, updated_at = now() WHERE id = %(id)s::uuid")
