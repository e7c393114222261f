"""Runs as interfaces read and create them. The worker's own statements are elsewhere."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.run import Run, RunStep
from shared.store.database import Command, Statement
from shared.store.pipelines import APART


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
    agent: str | None
    question: str | None
    pipeline: str | None
    request_id: str | None

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
              spend_nano_usd, agent, question, pipeline, request_id"""

ONE = Statement(f"SELECT {_COLUMNS} FROM run WHERE id = %(id)s", RunRow)
#: Those that are asked for, after the run ``before``; where that was removed, after ``made_at``.
FIND = Statement(
    f"""SELECT {_COLUMNS} FROM run
         WHERE (%(agent)s::text IS NULL OR agent = %(agent)s)
           AND (%(pipeline)s::text IS NULL OR pipeline = %(pipeline)s)
           AND (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(topic)s::text IS NULL OR topic = %(topic)s)
           AND (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s))
           AND (%(before)s::uuid IS NULL OR (created_at, run.id) <
                 (coalesce((SELECT b.created_at FROM run b WHERE b.id = %(before)s::uuid),
                           %(made_at)s::timestamptz), %(before)s::uuid))
         ORDER BY created_at DESC, run.id DESC LIMIT %(limit)s""",
    RunRow,
)
_STEPS = """SELECT run::text, name, title, status, started_at, finished_at, detail FROM run_step
             WHERE run = ANY(%(runs)s::uuid[])"""
STEPS = Statement(f"{_STEPS} ORDER BY run, seq", StepRow)
#: Without the questions and calls of agents, of which a run may have hundreds.
STAGES = Statement(f"{_STEPS} AND kind = 'work' ORDER BY run, seq", StepRow)

#: Held to the end of the transaction, so that two requests for one topic make one run.
LOCK_TOPIC = Command("SELECT pg_advisory_xact_lock(hashtextextended('run:' || %(kind)s || ':' || %(topic)s, 0))")
UNFINISHED = Statement(
    f"""SELECT {_COLUMNS} FROM run
         WHERE topic = %(topic)s AND kind = %(kind)s AND status IN ('queued', 'running')
         ORDER BY created_at LIMIT 1""",
    RunRow,
)
CREATE = Statement(
    f"""INSERT INTO run (kind, topic, title, request_id) VALUES (%(kind)s, %(topic)s, %(title)s, %(request_id)s)
        RETURNING {_COLUMNS}""",
    RunRow,
)

CREATE_AGENT = Statement(
    f"""INSERT INTO run (kind, topic, title, agent, question, tainted, request_id)
        VALUES ('agent', %(topic)s, %(title)s, %(agent)s, %(question)s, %(tainted)s, %(request_id)s)
        RETURNING {_COLUMNS}""",
    RunRow,
)

CREATE_PIPELINE = Statement(
    f"""INSERT INTO run (kind, topic, title, pipeline, parameters, tainted, request_id)
        VALUES ('pipeline', %(topic)s, %(title)s, %(pipeline)s, %(parameters)s::jsonb, %(tainted)s, %(request_id)s)
        RETURNING {_COLUMNS}""",
    RunRow,
)

#: A run begins again where it failed: steps that are done stay done. A call of which nobody knows whether it has
#: happened is not made again: the agent is told so. With ``from_seq``, what comes after is forgotten; in a pipeline the
#: stage that the step belongs to is done again with it, and those before stay as they are.
RETRY = Statement(
    f"""WITH again AS (
          UPDATE run SET status = 'queued', error = NULL, attempts = 0, lease_expires_at = NULL, updated_at = now(),
                 report = NULL, request_id = %(request_id)s
           WHERE id = %(id)s AND (status IN ('failed', 'needs_human')
                                  OR (kind IN ('agent', 'pipeline') AND status IN ('done', 'cancelled')
                                      AND %(from_seq)s::int IS NOT NULL))
          RETURNING run.*),
        unwritten AS (
          DELETE FROM report USING again WHERE report.run = again.id
             AND (again.kind = 'agent' OR again.kind = 'pipeline' AND %(from_seq)s::int IS NOT NULL)),
        forgotten AS (
          DELETE FROM run_step USING again WHERE run_step.run = again.id AND run_step.kind <> 'work'
             AND run_step.seq >= %(from_seq)s::int),
        steps AS (
          UPDATE run_step SET
                 status = CASE WHEN run_step.status = 'needs_human' THEN 'done'
                               WHEN run_step.kind = 'work' THEN 'pending' ELSE 'running' END,
                 detail = CASE WHEN run_step.kind = 'work' THEN NULL ELSE run_step.detail END,
                 result = CASE WHEN run_step.status = 'needs_human' THEN '{{"unknown": true}}'::jsonb END,
                 started_at = CASE WHEN run_step.kind = 'work' THEN NULL ELSE now() END, finished_at = NULL
            FROM again WHERE run_step.run = again.id
             AND (run_step.status <> 'done'
                  OR run_step.kind = 'work'
                     AND (again.kind = 'agent'
                          OR again.kind = 'pipeline' AND run_step.seq >= %(from_seq)s::int / {APART} * {APART}))
             AND (run_step.kind = 'work' OR %(from_seq)s::int IS NULL OR run_step.seq < %(from_seq)s::int))
        SELECT {_COLUMNS} FROM again""",
    RunRow,
)


class Seq(Schema, frozen=True, kw_only=True):
    """The place of a step."""

    seq: int


STEP_SEQ = Statement(
    """SELECT seq FROM run_step JOIN run ON run.id = run_step.run
        WHERE run = %(id)s AND name = %(name)s AND (run_step.kind <> 'work' OR run.kind = 'pipeline')""",
    Seq,
)

#: Its worker finds out at its next write; its token lets nobody in from now on.
CANCEL = Statement(
    f"""WITH ended AS (
          UPDATE run SET status = 'cancelled', error = 'It was cancelled.', lease_expires_at = NULL, updated_at = now()
           WHERE id = %(id)s AND status IN ('queued', 'running', 'needs_approval', 'needs_human') RETURNING run.*),
        steps AS (
          UPDATE run_step SET status = 'skipped', finished_at = now(),
                 detail = CASE run_step.status WHEN 'needs_approval'
                               THEN 'Nobody said yes before the run was cancelled.' ELSE detail END
            FROM ended
           WHERE run_step.run = ended.id AND run_step.status NOT IN ('done', 'failed')),
        token AS (
          UPDATE access_token SET expires_at = now() FROM ended WHERE access_token.run = ended.id
          RETURNING access_token.id),
        questions AS (
          UPDATE approval SET state = 'denied', decided_at = now() FROM token
           WHERE approval.token = token.id AND approval.state IN ('waiting', 'granted'))
        SELECT {_COLUMNS} FROM ended""",
    RunRow,
)


class Gone(Schema, frozen=True, kw_only=True):
    """The run that was removed."""

    id: str


#: With its steps and its report, if nobody works on it.
REMOVE = Statement(
    "DELETE FROM run WHERE id = %(id)s AND status IN ('done', 'failed', 'cancelled') RETURNING run.id::text", Gone
)
