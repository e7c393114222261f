"""Render nodes as workers find them: one that failed is left alone for a while, by the database's clock."""

from __future__ import annotations

from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class NodeRow(Schema, frozen=True, kw_only=True):
    """``failures`` in a row; ``rest_seconds`` left of its rest, not above 0 when it may be tried."""

    failures: int
    reason: str | None
    rest_seconds: float


READ = Statement(
    """SELECT failures, reason, coalesce(extract(epoch FROM rest_until - now()), 0)::float8 AS rest_seconds
         FROM render_node WHERE address = %(address)s""",
    NodeRow,
)

#: The rest doubles with each failure in a row, up to eight times ``rest_seconds``.
FAILED = Command(
    """INSERT INTO render_node (address, failures, reason, failed_at, rest_until)
       VALUES (%(address)s, 1, %(reason)s, now(), now() + make_interval(secs => %(rest_seconds)s))
       ON CONFLICT (address) DO UPDATE SET
         failures = render_node.failures + 1, reason = excluded.reason, failed_at = now(),
         rest_until = now() + make_interval(secs => %(rest_seconds)s * least(8, 2 ^ least(render_node.failures, 3)))"""
)

RENDERED = Command(
    """INSERT INTO render_node (address, rendered_at) VALUES (%(address)s, now())
       ON CONFLICT (address) DO UPDATE SET failures = 0, reason = NULL, rest_until = NULL, rendered_at = now()"""
)
