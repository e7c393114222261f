"""Access tokens: only their digests are stored. The API gives them to programs, a worker to each run of an agent."""

from __future__ import annotations

from shared.schemas.access import AccessToken, TokenKind
from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class Bearer(Schema, frozen=True, kw_only=True):
    """Whom a token lets in."""

    id: str
    name: str
    kind: TokenKind
    scopes: list[str]
    tainted: bool


class Count(Schema, frozen=True, kw_only=True):
    """How many."""

    count: int


#: The token with ``digest``, unless it is revoked or over. What one of a run's tokens has read taints all of them.
#: Notes its use, once a minute.
ADMIT = Statement(
    """WITH found AS (
         SELECT id, name, kind, scopes, used_at,
                tainted_at IS NOT NULL
                  OR EXISTS (SELECT FROM access_token t WHERE t.run = a.run AND t.tainted_at IS NOT NULL) AS tainted
           FROM access_token a
          WHERE digest = %(digest)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())),
       noted AS (
         UPDATE access_token SET used_at = now() FROM found
          WHERE access_token.id = found.id
            AND (found.used_at IS NULL OR found.used_at < now() - interval '1 minute'))
       SELECT id::text, name, kind, scopes, tainted FROM found""",
    Bearer,
)
#: For good, and before anything is given out.
TAINT = Command(
    """UPDATE access_token SET tainted_at = now(), tainted_by = %(operation)s
        WHERE id = %(token)s::uuid AND tainted_at IS NULL"""
)

_COLUMNS = """id::text, name, kind, scopes, tainted_at, tainted_by, created_at, expires_at, used_at, revoked_at"""

#: Those of runs come and go by themselves.
ALL = Statement(
    f"SELECT {_COLUMNS} FROM access_token WHERE run IS NULL ORDER BY access_token.id DESC LIMIT 500",
    AccessToken,
)
OPEN = Statement(
    """SELECT count(*) FROM access_token
        WHERE run IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())""",
    Count,
)
ONE_AT_A_TIME = Command("SELECT pg_advisory_xact_lock(hashtext('groundswell-access-tokens'))")
NAMED = Statement("SELECT count(*) FROM access_token WHERE name = %(name)s HAVING count(*) > 0", Count)
#: ``seconds`` NULL: until it is revoked.
CREATE = Statement(
    f"""INSERT INTO access_token (name, kind, scopes, digest, run, expires_at)
        VALUES (%(name)s, %(kind)s, %(scopes)s, %(digest)s, %(run)s::uuid,
                now() + make_interval(secs => %(seconds)s::float8))
        RETURNING {_COLUMNS}""",
    AccessToken,
)
#: What waits for a yes of it never gets one.
REVOKE = Statement(
    f"""WITH closed AS (
          UPDATE approval SET state = 'denied', decided_at = now()
           WHERE token = %(token)s AND state IN ('waiting', 'granted'))
        UPDATE access_token SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(token)s RETURNING {_COLUMNS}""",
    AccessToken,
)
