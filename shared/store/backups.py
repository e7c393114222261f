"""Backups that there are, told by the worker that sees them, and what people ask it to do."""

from __future__ import annotations

from shared.schemas.backup import Backup, BackupOrder
from shared.store.database import Command, Statement

#: After so long a worker that began an order is taken for dead.
LEFT_AFTER = "3 hours"
ORDERS_SHOWN = 10

_ORDER = "id::text AS id, what, backup, status, said, asked_at, begun_at, ended_at"

ALL = Statement(
    "SELECT name, taken_at, version, revision, rows, bytes, seconds, verified_at, problem FROM backup"
    " ORDER BY taken_at DESC, name DESC",
    Backup,
)
TELL = Command(
    """INSERT INTO backup (name, taken_at, version, revision, rows, bytes, seconds)
       VALUES (%(name)s, %(taken_at)s, %(version)s, %(revision)s, %(rows)s, %(bytes)s, %(seconds)s)
       ON CONFLICT (name) DO NOTHING"""
)
#: Those that are no more.
FORGET = Command("DELETE FROM backup WHERE NOT name = ANY(%(names)s)")
VERIFIED = Command(
    """UPDATE backup SET problem = %(problem)s,
              verified_at = CASE WHEN %(problem)s::text IS NULL THEN now() ELSE verified_at END
        WHERE name = %(name)s"""
)

ORDERS = Statement(
    f"SELECT {_ORDER} FROM backup_order ORDER BY asked_at DESC, id DESC LIMIT {ORDERS_SHOWN}", BackupOrder
)
ORDER_ONE = Statement(f"SELECT {_ORDER} FROM backup_order WHERE id = %(id)s", BackupOrder)
#: The order, or the one that says the same and is not over.
ORDER = Statement(
    f"""INSERT INTO backup_order (what, backup) VALUES (%(what)s, %(backup)s)
        ON CONFLICT (what, backup) WHERE status IN ('waiting', 'running') DO UPDATE SET what = excluded.what
        RETURNING {_ORDER}""",
    BackupOrder,
)
FORGET_ORDERS = Command(
    "DELETE FROM backup_order WHERE status IN ('done', 'failed') AND asked_at < now() - interval '30 days'"
)
#: The oldest that waits, or was left, is begun.
CLAIM = Statement(
    f"""UPDATE backup_order SET status = 'running', begun_at = now()
         WHERE id = (SELECT id FROM backup_order
                      WHERE status = 'waiting' OR (status = 'running' AND begun_at < now() - interval '{LEFT_AFTER}')
                      ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING {_ORDER}""",
    BackupOrder,
)
#: Somebody else takes a backup at this moment: it goes back.
POSTPONE = Command("UPDATE backup_order SET status = 'waiting', begun_at = NULL WHERE id = %(id)s")
END = Command("UPDATE backup_order SET status = %(status)s, said = %(said)s, ended_at = now() WHERE id = %(id)s")
