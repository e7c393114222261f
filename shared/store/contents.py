"""What a database holds, table by table, for a backup to be compared with; and databases as a whole."""

from __future__ import annotations

import re
from datetime import datetime

from shared.schemas.base import Schema
from shared.store.database import Command, Statement, Transaction

#: Databases that are made for a restore.
SCRATCH = re.compile(r"groundswell_restore_[0-9a-f]{12}")


class TableName(Schema, frozen=True, kw_only=True):
    """A table and what of a row is compared, as SQL."""

    name: str
    compared: str


class Digest(Schema, frozen=True, kw_only=True):
    """Rows of a table and the sum of their hashes."""

    rows: int
    digest: str


class Snapshot(Schema, frozen=True, kw_only=True):
    """A view of the database that others can share; its time and the server's version."""

    snapshot: str
    now: datetime
    server: str


class Others(Schema, frozen=True, kw_only=True):
    """Connections to this database but our own."""

    count: int
    names: str


#: One view for everything, held for as long as it takes.
STEADY = Command("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
PATIENT = Command(
    """SELECT set_config('statement_timeout', '0', true),
              set_config('idle_in_transaction_session_timeout', '0', true)"""
)
SHARE = Statement(
    """SELECT pg_export_snapshot() AS snapshot, now() AS now, current_setting('server_version') AS server""", Snapshot
)

#: Whole tables, not their partitions. Vectors are made anew from posts, and words by the database: their text would
#: cost more than the rest.
TABLES = Statement(
    """SELECT quote_ident(c.relname) AS name,
              'ROW(' || string_agg('t.' || quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' AS compared
         FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         JOIN pg_type y ON y.oid = a.atttypid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND y.typname NOT IN ('halfvec', 'tsvector')
        GROUP BY c.relname ORDER BY c.relname""",
    TableName,
)

OTHERS = Statement(
    """SELECT count(*)::integer AS count, coalesce(string_agg(DISTINCT application_name, ', '), '') AS names
         FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
          AND application_name NOT LIKE 'groundswell-restore%'""",
    Others,
)


def digest(table: TableName) -> Statement[Digest]:
    """Rows of a table, and the sum of a hash of each: order makes no difference."""
    return Statement(
        f"""SELECT count(*) AS rows,
                   coalesce(sum(hashtextextended(({table.compared})::text, 0)), 0)::text AS digest
              FROM {table.name} AS t""",
        Digest,
    )


def contents(transaction: Transaction) -> dict[str, Digest]:
    """Every table as ``transaction`` sees it."""
    found = {}
    for table in transaction.fetch(TABLES):
        found[table.name] = transaction.fetch(digest(table))[0]
    return found


def make(name: str) -> Command:
    """An empty database; must stand outside a transaction. ValueError for a name that is none of ours."""
    return Command(f"CREATE DATABASE {_scratch(name)} TEMPLATE template0 ENCODING 'UTF8'")


def drop(name: str) -> Command:
    """Without it; must stand outside a transaction."""
    return Command(f"DROP DATABASE IF EXISTS {_scratch(name)} WITH (FORCE)")


def rename(old: str, new: str) -> Command:
    """Under another name; nobody may use it."""
    quoted = [f'"{name}"' for name in (old, new) if re.fullmatch(r"[A-Za-z0-9_-]{1,63}", name)]
    if len(quoted) != 2:
        raise ValueError(f"{old!r} or {new!r} is no plain name")
    return Command(f"ALTER DATABASE {quoted[0]} RENAME TO {quoted[1]}")


def _scratch(name: str) -> str:
    if not SCRATCH.fullmatch(name):
        raise ValueError(f"{name!r} is no database of a restore")
    return name
