"""Deliveries as the worker claims and ends them. Only here is a destination's address read."""

from __future__ import annotations

from shared.schemas.base import Schema
from shared.schemas.destination import DestinationKind
from shared.store.database import Command, Statement


class Claimed(Schema, frozen=True, kw_only=True):
    """A delivery that is ours until its claim ends; ``url`` is a secret. ``hours`` since it was made."""

    id: str
    alert: str | None
    notice: str | None
    kind: DestinationKind
    name: str
    url: str
    attempts: int
    hours: float


#: Takes a pending delivery whose earlier attempt is over. No row: another has it, it is not its time, or it is done.
CLAIM = Statement(
    """UPDATE delivery SET attempts = attempts + 1,
              claimed_to = now() + make_interval(secs => %(lease_seconds)s),
              next_at = now() + make_interval(secs => %(lease_seconds)s)
         FROM destination
        WHERE delivery.id = %(delivery)s AND destination.id = delivery.destination AND state = 'pending'
          AND (claimed_to IS NULL OR claimed_to <= now())
       RETURNING delivery.id::text, alert::text, notice, kind, name, url, attempts,
                 extract(epoch FROM now() - delivery.created_at)::float8 / 3600 AS hours""",
    Claimed,
)
_OURS = "WHERE id = %(delivery)s AND state = 'pending' AND attempts = %(attempts)s"
SENT = Command(f"UPDATE delivery SET state = 'sent', sent_at = now(), reason = NULL {_OURS}")
FAILED = Command(f"UPDATE delivery SET state = 'failed', reason = %(reason)s {_OURS}")
#: Not before ``seconds`` have passed.
LATER = Command(
    f"""UPDATE delivery SET reason = %(reason)s, claimed_to = now() + make_interval(secs => %(seconds)s),
               next_at = now() + make_interval(secs => %(seconds)s) {_OURS}"""
)

#: New jobs for deliveries whose time has come, or whose job was lost.
PUT_OUT = Command(
    """WITH due AS (
         SELECT id FROM delivery WHERE state = 'pending' AND next_at <= now()
          ORDER BY next_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
       moved AS (UPDATE delivery SET next_at = now() + make_interval(secs => %(lease_seconds)s)
                   FROM due WHERE delivery.id = due.id RETURNING delivery.id)
       INSERT INTO outbox (actor, queue, args)
       SELECT %(actor)s, %(queue)s, jsonb_build_object('delivery_id', id::text) FROM moved"""
)
