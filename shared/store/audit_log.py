"""The audit log: one row an effect, written before it is tried, and closed with how it ended."""

from __future__ import annotations

from shared.schemas.access import AuditEntry
from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class Begun(Schema, frozen=True, kw_only=True):
    """The row of this call. ``fresh``: it was just made; else it is that of an earlier try with the same key."""

    id: str
    fresh: bool
    call: bytes
    outcome: str
    answer: bytes | None


#: With a ``key`` that this actor has used before, the row of that time.
BEGIN = Statement(
    """INSERT INTO audit (actor, kind, token, tainted, door, operation, effect, call, arguments, request, outcome, key)
       VALUES (%(actor)s, %(kind)s, %(token)s::uuid, %(tainted)s, %(door)s, %(operation)s, %(effect)s, %(call)s,
               %(arguments)s, %(request)s, 'begun', %(key)s)
       ON CONFLICT (actor, key) WHERE key IS NOT NULL DO UPDATE SET key = excluded.key
       RETURNING id::text, xmax = 0 AS fresh, call, outcome, answer""",
    Begun,
)
#: A call that had failed or been refused is tried again.
REOPEN = Command("UPDATE audit SET outcome = 'begun', detail = '', ended_at = NULL WHERE id = %(id)s::uuid")
APPROVED = Command("UPDATE audit SET approval = %(approval)s::uuid WHERE id = %(id)s::uuid")
END = Command(
    """UPDATE audit SET outcome = %(outcome)s, detail = %(detail)s, answer = %(answer)s, ended_at = now()
        WHERE id = %(id)s::uuid"""
)

_COLUMNS = """id::text, at, actor, kind, tainted, door, operation, effect, arguments, request, approval::text,
              outcome, detail, ended_at"""

#: Newest first, as ids are made in the order of time.
PAGE = Statement(
    f"""SELECT {_COLUMNS} FROM audit
         WHERE (%(before)s::uuid IS NULL OR audit.id < %(before)s::uuid)
           AND (%(operation)s::text IS NULL OR operation = %(operation)s)
           AND (%(actor)s::text IS NULL OR actor = %(actor)s)
           AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
           AND (%(door)s::text IS NULL OR door = %(door)s)
           AND (%(request)s::text IS NULL OR request = %(request)s)
           AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
           AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
         ORDER BY audit.id DESC LIMIT %(limit)s""",
    AuditEntry,
)
