"""Runs as interfaces read and create them. The worker's own statements are elsewhere."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.run import Run, RunStep
from shared.store.database import Command, Statement


class RunRow(Schema, frozen=True, kw_only=True):
    """A run without its steps."""

    id: str
    kind: str
    topic: str
    title: str
    status: str
    error: str | None
    created_at: datetime
    updated_at: datetime
    attempts: int
    report: str | None
    spend_nano_usd: int

    def run(self, steps: list[RunStep]) -> Run:
        """The run as interfaces show it."""
        return Run(**{name: getattr(self, name) for name in self.__struct_fields__}, steps=steps)


class StepRow(Schema, frozen=True, kw_only=True):
    """A step and the run it belongs to."""

    run: str
    name: str
    title: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None
    detail: str | None

    def step(self) -> RunStep:
        """The step as interfaces show it."""
        return RunStep(**{name: getattr(self, name) for name in self.__struct_fields__ if name != "run"})


_COLUMNS = """id::text, kind, topic, title, status, error, created_at, updated_at, attempts, report::text,
              spend_nano_usd"""

ONE = Statement(f"SELECT {_COLUMNS} FROM run WHERE id = %(id)s", RunRow)
LATEST = Statement(f"SELECT {_COLUMNS} FROM run ORDER BY created_at DESC, id DESC LIMIT 50", RunRow)
STEPS = Statement(
    """SELECT run::text, name, title, status, started_at, finished_at, detail FROM run_step
        WHERE run = ANY(%(runs)s::uuid[]) ORDER BY run, seq""",
    StepRow,
)

#: Held to the end of the transaction, so that two requests for one topic make one run.
LOCK_TOPIC = Command("SELECT pg_advisory_xact_lock(hashtextextended('run:' || %(kind)s || ':' || %(topic)s, 0))")
UNFINISHED = Statement(
    f"""SELECT {_COLUMNS} FROM run
         WHERE topic = %(topic)s AND kind = %(kind)s AND status IN ('queued', 'running')
         ORDER BY created_at LIMIT 1""",
    RunRow,
)
CREATE = Statement(
    f"INSERT INTO run (kind, topic, title) VALUES (%(kind)s, %(topic)s, %(title)s) RETURNING {_COLUMNS}", RunRow
)

#: A failed run begins again where it failed: steps that are done stay done.
RETRY = Statement(
    f"""WITH again AS (
          UPDATE run SET status = 'queued', error = NULL, attempts = 0, lease_expires_at = NULL, updated_at = now()
           WHERE id = %(id)s AND status = 'failed' RETURNING run.*),
        steps AS (
          UPDATE run_step SET status = 'pending', detail = NULL, started_at = NULL, finished_at = NULL
            FROM again WHERE run_step.run = again.id AND run_step.status <> 'done')
        SELECT {_COLUMNS} FROM again""",
    RunRow,
)


class Gone(Schema, frozen=True, kw_only=True):
    """The run that was removed."""

    id: str


#: With its steps and its report, if nobody works on it.
REMOVE = Statement("DELETE FROM run WHERE id = %(id)s AND status IN ('done', 'failed') RETURNING run.id::text", Gone)
