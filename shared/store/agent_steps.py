"""The steps of an agent's run: intended, then done. Every write is made while the run is held (``ledger.HOLD``)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.contracts.jobs import RUN_AGENT, RUN_PIPELINE
from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class AskedRow(Schema, frozen=True, kw_only=True):
    """What a run of an agent was asked. ``tainted``: by whom had read strangers' text. ``asked_at`` is when."""

    agent: str
    question: str
    topic: str
    tainted: bool
    asked_at: datetime


class StepRow(Schema, frozen=True, kw_only=True):
    """A step that was intended. ``seconds`` is what it took, or 0 where a person was waited for.

    ``decision`` is the state of its approval, if it has one; ``None`` also when that is gone.
    """

    seq: int
    name: str
    kind: str
    status: str
    key: str
    request_hash: bytes
    result: Any
    cost_nano_usd: int
    seconds: float
    approval: str | None
    decision: str | None
    started_at: datetime


class Whether(Schema, frozen=True, kw_only=True):
    """Yes or no."""

    so: bool


class TokenId(Schema, frozen=True, kw_only=True):
    """A token."""

    id: str


ASKED = Statement(
    """SELECT coalesce(agent, '') AS agent, coalesce(question, '') AS question, topic, tainted, created_at AS asked_at
         FROM run WHERE id = %(run)s""",
    AskedRow,
)

STEPS = Statement(
    """SELECT seq, name, kind, status, key, request_hash, result, cost_nano_usd, approval::text,
              CASE WHEN approval IS NULL THEN coalesce(extract(epoch FROM finished_at - started_at), 0) ELSE 0
                   END::float8 AS seconds,
              (SELECT CASE WHEN a.state IN ('waiting', 'granted') AND a.expires_at <= now() THEN 'expired'
                           ELSE a.state END FROM approval a WHERE a.id = run_step.approval) AS decision,
              started_at
         FROM run_step WHERE run = %(run)s AND kind <> 'work' ORDER BY seq""",
    StepRow,
)

#: The report comes after whatever an agent does.
LAST_SEQ = 9_000
PLAN_REPORT = Command(
    f"""INSERT INTO run_step (run, seq, name, title) VALUES (%(run)s, {LAST_SEQ}, 'report', 'Writing the report')
        ON CONFLICT (run, name) DO NOTHING"""
)

INTEND = Command(
    """INSERT INTO run_step (run, seq, name, title, kind, status, key, request_hash, request, detail, started_at)
       VALUES (%(run)s, %(seq)s, %(name)s, %(title)s, %(kind)s, 'running', %(key)s, %(request_hash)s,
               %(request)s::jsonb, %(detail)s, now())"""
)
#: Touches no row when it is done already: its result is never replaced.
DONE = Command(
    """UPDATE run_step SET status = 'done', result = %(result)s::jsonb, detail = %(detail)s,
              cost_nano_usd = %(cost)s, finished_at = now()
        WHERE run = %(run)s AND seq = %(seq)s AND status IN ('running', 'needs_approval')"""
)
REJECT = Command(
    """UPDATE run_step SET result = result || jsonb_build_object('rejected', %(why)s::text)
        WHERE run = %(run)s AND seq = %(seq)s AND kind = 'ask' AND result->>'rejected' IS NULL"""
)
#: Puts the run aside. A run that waits for a person is no failed attempt.
WAIT = Command(
    """WITH step AS (
         UPDATE run_step SET status = 'needs_approval', approval = %(approval)s::uuid, detail = %(detail)s
          WHERE run = %(run)s AND seq = %(seq)s)
       UPDATE run SET status = 'needs_approval', lease_expires_at = NULL, attempts = 0, updated_at = now()
        WHERE id = %(run)s"""
)
NEED_HUMAN = Command(
    """WITH step AS (
         UPDATE run_step SET status = 'needs_human', detail = %(detail)s WHERE run = %(run)s AND seq = %(seq)s)
       UPDATE run SET status = 'needs_human', error = %(detail)s, lease_expires_at = NULL, attempts = 0,
              updated_at = now()
        WHERE id = %(run)s"""
)

#: Runs whose approval was decided, or is over or gone, go on.
WAKE = Command(
    f"""WITH woken AS (
          UPDATE run SET status = 'queued', updated_at = now()
            FROM run_step step LEFT JOIN approval a ON a.id = step.approval
           WHERE run.status = 'needs_approval' AND step.run = run.id AND step.status = 'needs_approval'
             AND (a.id IS NULL OR a.state <> 'waiting' OR a.expires_at <= now())
          RETURNING run.id, run.kind)
        INSERT INTO outbox (actor, queue, args)
        SELECT CASE kind WHEN 'pipeline' THEN '{RUN_PIPELINE.actor}' ELSE '{RUN_AGENT.actor}' END,
               CASE kind WHEN 'pipeline' THEN '{RUN_PIPELINE.queue}' ELSE '{RUN_AGENT.queue}' END,
               jsonb_build_object('run_id', id::text) FROM woken"""
)

#: Whether a model was asked, and may be paid, for the question that was begun then: its answer may be lost, its price
#: is not.
PAID = Statement(
    """SELECT EXISTS (SELECT FROM llm_call
                       WHERE run = %(run)s AND dispatched_at IS NOT NULL AND state <> 'released'
                         AND bound_nano_usd > 0 AND created_at >= %(since)s) AS so""",
    Whether,
)

#: The token of a run: one row, a new secret each time that the run is claimed, so that whoever had it before is shut
#: out. What it has read stays written down. A token that the operator revoked stays revoked.
TOKEN = Statement(
    """INSERT INTO access_token (name, kind, scopes, digest, run, expires_at, tainted_at, tainted_by)
       VALUES (%(name)s, 'agent', %(scopes)s, %(digest)s, %(run)s::uuid, now() + make_interval(secs => %(seconds)s),
               CASE WHEN %(tainted)s THEN now() END, CASE WHEN %(tainted)s THEN 'run' END)
       ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, scopes = excluded.scopes,
                                        expires_at = excluded.expires_at,
         tainted_at = coalesce(access_token.tainted_at, excluded.tainted_at),
         tainted_by = coalesce(access_token.tainted_by, excluded.tainted_by)
        WHERE access_token.run = excluded.run
       RETURNING id::text""",
    TokenId,
)
END_TOKEN = Command("UPDATE access_token SET expires_at = now() WHERE run = %(run)s AND expires_at > now()")

#: In the order of names: workers that start together tell the same, and neither may stand in the other's way.
TELL = Command(
    """INSERT INTO agent (name, about) VALUES (%(name)s, %(about)s::jsonb)
       ON CONFLICT (name) DO UPDATE SET about = excluded.about"""
)
FORGET_OTHERS = Command("DELETE FROM agent WHERE name <> ALL(%(names)s::text[])")


class AgentRow(Schema, frozen=True, kw_only=True):
    """An agent as a worker told of it."""

    name: str
    about: dict[str, Any]


AGENTS = Statement("SELECT name, about FROM agent ORDER BY name", AgentRow)
AGENT = Statement("SELECT name, about FROM agent WHERE name = %(name)s", AgentRow)


class PostRow(Schema, frozen=True, kw_only=True):
    """A post that may be cited."""

    id: str
    uri: str
    author: str
    event_time: datetime
    text: str
    languages: list[str]


#: Those of ``ids`` that exist, and were not deleted.
POSTS = Statement(
    """SELECT id::text, uri, author, event_time, left(text, 2000) AS text, languages FROM every_post
        WHERE id = ANY(%(ids)s::uuid[]) AND deleted_at IS NULL""",
    PostRow,
)


class EventRow(Schema, frozen=True, kw_only=True):
    """A step with what it asked for, and what was wrong with its result."""

    seq: int
    name: str
    title: str
    kind: str
    status: str
    request: Any
    detail: str | None
    cost_nano_usd: int
    approval: str | None
    rejected: str | None
    plainer: str | None
    started_at: datetime | None
    finished_at: datetime | None


#: Of ``run_step s``. What a stage handed on may be large: it is only looked into where there can be something.
WRONG = """CASE WHEN s.kind = 'ask' THEN s.result->>'rejected' END AS rejected,
           CASE WHEN s.kind = 'work' THEN nullif(s.result->>'plainer', '') END AS plainer"""
EVENTS = Statement(
    f"""SELECT seq, name, title, kind, status, request, detail, cost_nano_usd, approval::text, {WRONG},
              started_at, finished_at
         FROM run_step s WHERE run = %(run)s AND seq > %(after)s ORDER BY seq LIMIT 500""",
    EventRow,
)
