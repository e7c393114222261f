"""Taking jobs out of the outbox, and putting those back whose message was lost.

A row is deleted in the transaction that handed it to the broker, so a crash in between sends it
twice: at least once, never less. What a message starts must make duplicates harmless (a claim does).
"""

from __future__ import annotations

from typing import Any

from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class OutboxRow(Schema, frozen=True, kw_only=True):
    """A job that waits. ``args`` are the actor's keyword arguments."""

    id: int
    actor: str
    queue: str
    args: dict[str, Any]


#: The oldest jobs that no other dispatcher holds.
TAKE = Statement(
    """SELECT id, actor, queue, args FROM outbox ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED""",
    OutboxRow,
)

DELETE = Command("DELETE FROM outbox WHERE id = ANY(%(ids)s)")

#: Writes a new job for each run that nobody works on: its lease ended, or it waits since ``quiet_seconds``
#: and has no job. ``updated_at`` moves, so that a run gets one new job per stretch and not one per sweep.
REVIVE = Command(
    """WITH stuck AS (
         SELECT id FROM run
          WHERE status IN ('queued', 'running') AND kind = %(kind)s
            AND updated_at < now() - make_interval(secs => %(quiet_seconds)s)
            AND (lease_expires_at IS NULL OR lease_expires_at < now())
            AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.args ->> 'run_id' = run.id::text)
          ORDER BY updated_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
       touched AS (UPDATE run SET updated_at = now() FROM stuck WHERE run.id = stuck.id RETURNING run.id)
       INSERT INTO outbox (actor, queue, args)
       SELECT %(actor)s, %(queue)s, jsonb_build_object('run_id', id::text) FROM touched"""
)

ASK_AGAIN = Command(
    """INSERT INTO outbox (actor, queue, args)
       VALUES (%(actor)s, %(queue)s, jsonb_build_object('run_id', %(run)s::text))"""
)
