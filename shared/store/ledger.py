"""The run ledger: who works on a run, and which of its steps are done. Every write is fenced.

A worker claims a run by raising its epoch; whoever holds an older epoch finds that its statements
touch no row and stops (``FencedError`` is raised by the caller of these statements). Leases end by
the database's clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.schemas.base import Schema
from shared.schemas.run import RunStatus, StepStatus
from shared.store.database import Command, Statement


class Claimed(Schema, frozen=True, kw_only=True):
    """A run that is ours until its lease ends. ``attempts`` counts this claim."""

    run: UUID
    kind: str
    topic: str
    title: str
    epoch: int
    attempts: int
    request_id: str | None


class StepRow(Schema, frozen=True, kw_only=True):
    """One step as stored. ``result`` is decoded JSON."""

    name: str
    title: str
    status: StepStatus
    result: Any
    detail: str | None
    started_at: datetime | None
    finished_at: datetime | None


class RunRow(Schema, frozen=True, kw_only=True):
    """One run as stored, without its steps."""

    id: UUID
    kind: str
    topic: str
    title: str
    status: RunStatus
    error: str | None
    created_at: datetime
    updated_at: datetime
    attempts: int
    report: UUID | None
    spend_nano_usd: int
    agent: str | None
    question: str | None
    pipeline: str | None
    request_id: str | None


#: Takes a run nobody works on. No row: it is finished, unknown, or somebody holds a valid lease.
CLAIM = Statement(
    """UPDATE run SET status = 'running', epoch = epoch + 1, attempts = attempts + 1, updated_at = now(),
              lease_expires_at = now() + make_interval(secs => %(lease_seconds)s)
        WHERE id = %(run)s AND status IN ('queued', 'running')
          AND (lease_expires_at IS NULL OR lease_expires_at < now())
    RETURNING id AS run, kind, topic, title, epoch, attempts, request_id""",
    Claimed,
)

#: Proves in a transaction that the run is still ours, and holds it so until the transaction ends.
HOLD = Command(
    """UPDATE run SET updated_at = now(), lease_expires_at = now() + make_interval(secs => %(lease_seconds)s)
        WHERE id = %(run)s AND epoch = %(epoch)s AND status = 'running'"""
)

PLAN_STEP = Command(
    """INSERT INTO run_step (run, seq, name, title) VALUES (%(run)s, %(seq)s, %(name)s, %(title)s)
       ON CONFLICT (run, name) DO NOTHING"""
)

BEGIN_STEP = Command(
    """UPDATE run_step SET status = 'running', started_at = now(), finished_at = NULL, detail = NULL
        WHERE run = %(run)s AND name = %(name)s AND status <> 'done'"""
)

#: Touches no row when the step is done already: its result is never replaced.
FINISH_STEP = Command(
    """UPDATE run_step SET status = 'done', result = %(result)s::jsonb, detail = %(detail)s, finished_at = now()
        WHERE run = %(run)s AND name = %(name)s AND status = 'running'"""
)

#: Ends the step a run failed in, and skips those after it.
END_STEPS = Command(
    """UPDATE run_step SET status = CASE status WHEN 'running' THEN 'failed' ELSE 'skipped' END,
              detail = CASE status WHEN 'running' THEN %(detail)s ELSE detail END,
              finished_at = CASE status WHEN 'running' THEN now() ELSE finished_at END
        WHERE run = %(run)s AND status IN ('pending', 'running', 'needs_approval')"""
)

FINISH_RUN = Command(
    """UPDATE run SET status = 'done', report = %(report)s, lease_expires_at = NULL, updated_at = now()
        WHERE id = %(run)s AND epoch = %(epoch)s AND status = 'running'"""
)

#: Its token, if it had one, lets nobody in from now on.
FAIL_RUN = Command(
    """WITH token AS (
         UPDATE access_token SET expires_at = now() FROM run
          WHERE run.id = %(run)s AND run.epoch = %(epoch)s AND run.status = 'running'
            AND access_token.run = run.id AND access_token.expires_at > now())
       UPDATE run SET status = 'failed', error = %(error)s, lease_expires_at = NULL, updated_at = now()
        WHERE id = %(run)s AND epoch = %(epoch)s AND status = 'running'"""
)

#: Lets the next worker take the run at once instead of when the lease ends.
RELEASE_RUN = Command(
    """UPDATE run SET lease_expires_at = now() - interval '1 second'
        WHERE id = %(run)s AND epoch = %(epoch)s AND status = 'running'"""
)

RUN = Statement(
    """SELECT id, kind, topic, title, status, error, created_at, updated_at, attempts, report, spend_nano_usd,
              agent, question, pipeline, request_id
         FROM run WHERE id = %(run)s""",
    RunRow,
)

STEPS = Statement(
    """SELECT name, title, status, result, detail, started_at, finished_at
         FROM run_step WHERE run = %(run)s ORDER BY seq""",
    StepRow,
)
