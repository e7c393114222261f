"""Approvals: a yes to one exact call of one actor, used once."""

from __future__ import annotations

from shared.schemas.access import Approval
from shared.schemas.base import Schema
from shared.store.database import Command, Statement

#: How long a question waits, and how long an answer holds.
LIFE_SECONDS = 24 * 3600
#: What may wait at the same time for one actor: an agent that asks without end fills no table.
WAITING_MOST = 100


class Used(Schema, frozen=True, kw_only=True):
    """The approval that was used up."""

    id: str


class Asked(Schema, frozen=True, kw_only=True):
    """The question that waits."""

    id: str


class Waiting(Schema, frozen=True, kw_only=True):
    """How many wait."""

    count: int


#: Takes a yes for this call. No row: there is none.
USE = Statement(
    """UPDATE approval SET state = 'used'
        WHERE actor = %(actor)s AND call = %(call)s AND state = 'granted' AND expires_at > now()
        RETURNING id::text""",
    Used,
)
#: Questions and answers that are over make room for the same question.
EXPIRE = Command("UPDATE approval SET state = 'expired' WHERE state IN ('waiting', 'granted') AND expires_at <= now()")
COUNT = Statement(
    "SELECT count(*) FROM approval WHERE actor = %(actor)s AND state = 'waiting' AND expires_at > now()", Waiting
)
ASK = Statement(
    f"""INSERT INTO approval (actor, token, operation, effect, call, arguments, reason, expires_at)
        VALUES (%(actor)s, %(token)s::uuid, %(operation)s, %(effect)s, %(call)s, %(arguments)s, %(reason)s,
                now() + make_interval(secs => {LIFE_SECONDS}))
        ON CONFLICT (actor, call) WHERE state IN ('waiting', 'granted') DO UPDATE SET reason = excluded.reason
        RETURNING id::text""",
    Asked,
)

_COLUMNS = """id::text, actor, operation, effect, arguments, reason, created_at, decided_at, expires_at,
              CASE WHEN state IN ('waiting', 'granted') AND expires_at <= now() THEN 'expired'
                   ELSE state END AS state"""

LATEST = Statement(
    f"""SELECT {_COLUMNS} FROM approval
         WHERE NOT %(waiting)s OR (state = 'waiting' AND expires_at > now())
         ORDER BY approval.id DESC LIMIT %(limit)s""",
    Approval,
)
ONE = Statement(f"SELECT {_COLUMNS} FROM approval WHERE id = %(approval)s", Approval)
#: An answer holds for its whole life, however long the question had waited.
DECIDE = Statement(
    f"""UPDATE approval SET state = %(state)s, decided_at = now(),
              expires_at = now() + make_interval(secs => {LIFE_SECONDS})
         WHERE id = %(approval)s AND state = 'waiting' AND expires_at > now() RETURNING {_COLUMNS}""",
    Approval,
)
