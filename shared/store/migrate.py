"""Schema before service: numbered SQL files, applied once each under an advisory lock."""

from __future__ import annotations

import re
from importlib import resources

from shared.errors import SchemaNotReady
from shared.schemas.base import Schema
from shared.store.database import AsyncDatabase, Command, Database, Statement, Transaction

_LOCK = Command("SELECT pg_advisory_xact_lock(hashtext('groundswell-migrate'))")
_TABLE = Command(
    """CREATE TABLE IF NOT EXISTS schema_migration (
         revision integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""
)
_RECORD = Command("INSERT INTO schema_migration (revision, name) VALUES (%(revision)s, %(name)s)")
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class Migration(Schema, frozen=True, kw_only=True):
    """One numbered file."""

    revision: int
    name: str
    sql: str


class Revision(Schema, frozen=True, kw_only=True):
    """The newest applied migration, 0 for an empty database."""

    revision: int


_PRESENT = Statement("SELECT coalesce(max(revision), 0) AS revision FROM schema_migration", Revision)
_EXISTS = Statement(
    "SELECT (to_regclass('schema_migration') IS NOT NULL)::integer AS revision",
    Revision,
)


def migrations() -> tuple[Migration, ...]:
    """All migrations in order. ValueError if their numbers have a hole."""
    found = []
    for entry in sorted(resources.files("shared.store.migrations").iterdir(), key=lambda entry: entry.name):
        if match := _NAME.fullmatch(entry.name):
            found.append(Migration(revision=int(match[1]), name=entry.name, sql=entry.read_text("utf-8")))
    if [migration.revision for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations must be numbered 1, 2, 3, ...")
    return tuple(found)


def migrate(database: Database) -> list[str]:
    """Bring the schema up to date; the names applied. Safe to run from several processes at once.

    Each migration is one transaction: a crash leaves the schema at a whole revision.
    Raises SchemaNotReady when the database is newer than this code.
    """
    applied: list[str] = []
    wanted = migrations()
    with database.transaction() as transaction:
        transaction.execute(_LOCK)
        transaction.execute(_TABLE)
    while True:
        with database.transaction() as transaction:
            transaction.execute(_LOCK)
            present = transaction.fetch(_PRESENT)[0].revision
            if present > len(wanted):
                raise _newer(present, len(wanted))
            if present == len(wanted):
                return applied
            migration = wanted[present]
            transaction.execute(Command(migration.sql))
            transaction.execute(_RECORD, {"revision": migration.revision, "name": migration.name})
            applied.append(migration.name)


def revision(transaction: Transaction) -> int:
    """The revision of the schema as ``transaction`` sees it."""
    return transaction.fetch(_PRESENT)[0].revision


def applied_revision(database: Database) -> int:
    """The newest applied revision, 0 for an empty database."""
    with database.transaction() as transaction:
        exists = transaction.fetch(_EXISTS)[0].revision
        return transaction.fetch(_PRESENT)[0].revision if exists else 0


def check_schema(database: Database) -> None:
    """Raise SchemaNotReady unless the database is exactly at this code's revision."""
    with database.transaction() as transaction:
        exists = transaction.fetch(_EXISTS)[0].revision
        present = transaction.fetch(_PRESENT)[0].revision if exists else 0
    _compare(present)


async def check_schema_async(database: AsyncDatabase) -> None:
    """The async twin of ``check_schema``."""
    async with database.transaction() as transaction:
        exists = (await transaction.fetch(_EXISTS))[0].revision
        present = (await transaction.fetch(_PRESENT))[0].revision if exists else 0
    _compare(present)


def _compare(present: int) -> None:
    wanted = len(migrations())
    if present > wanted:
        raise _newer(present, wanted)
    if present < wanted:
        raise SchemaNotReady(
            "The database schema is not ready.",
            why=f"It is at revision {present}, this version needs {wanted}.",
            do="Run: groundswell migrate",
        )


def _newer(present: int, wanted: int) -> SchemaNotReady:
    return SchemaNotReady(
        "The database belongs to a newer version of Groundswell.",
        why=f"It is at revision {present}, this version knows {wanted}.",
        do="Install that version again, or restore a backup made with this one.",
    )
