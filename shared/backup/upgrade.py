"""Brings a record to this version's schema, with a proven restore point before it and a way back after any failure.

What is under way is noted beside the backups, so that whoever comes after a kill knows which restore point to use.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import msgspec

from shared.backup import manifest as manifests
from shared.backup import places
from shared.backup.key import Key
from shared.backup.restore import check_alone, restore, search_trial, verify
from shared.backup.take import SPARE_BYTES, Progress, take
from shared.config.settings import Settings
from shared.errors import ConflictError, DependencyError, GroundswellError, InputError, StoreUnavailable
from shared.schemas.base import Schema
from shared.store import contents
from shared.store.database import Database, Statement
from shared.store.migrate import applied_revision, migrate, migrations

NOTE = "upgrade.json"
#: Part of the names of backups that upgrades take.
POINT = "before-upgrade"
LEAST_PYTHON, LEAST_SERVER = (3, 11), 170_000
LEAST_MEMORY_BYTES = 512 * 1024 * 1024


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """An upgrade that has begun to change the record; ``point`` is the name of its restore point."""

    point: str


class Upgraded(msgspec.Struct, frozen=True, kw_only=True):
    """What an upgrade did; ``point`` is ``None`` where there was nothing to lose."""

    applied: list[str]
    point: str | None


class _Server(Schema, frozen=True, kw_only=True):
    version: int
    bytes: int


_SERVER = Statement(
    "SELECT current_setting('server_version_num')::integer AS version, pg_database_size(current_database()) AS bytes",
    _Server,
)


def unfinished(folder: Path) -> Note | None:
    """The note of an upgrade that did not end, if there is one. Raises InputError for one that cannot be read."""
    try:
        return msgspec.json.decode((folder / NOTE).read_bytes(), type=Note)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise InputError(f"{folder / NOTE} cannot be read.", why=f"{error}.") from error


def check_finished(settings: Settings) -> None:
    """Raise ConflictError, with the way on, while an upgrade has not ended."""
    if note := unfinished(places.folder_of(settings)):
        raise ConflictError(
            "An upgrade was cut off before its end.",
            why=f"The restore point {note.point} holds the record as it was before.",
            do="Run `groundswell upgrade`: it goes on, or goes back to the restore point.",
        )


def preflight(settings: Settings) -> list[GroundswellError]:
    """Everything that stands in the way, at once."""
    problems: list[GroundswellError] = []
    if sys.version_info < LEAST_PYTHON:
        problems.append(DependencyError("This Python is too old.", do="Install Python 3.11 or newer."))
    memory = _memory()
    if memory is not None and memory < LEAST_MEMORY_BYTES:
        problems.append(
            DependencyError(
                "There is too little memory.",
                why=f"{memory // 1_000_000} MB are available, {LEAST_MEMORY_BYTES // 1_000_000} are needed.",
                do="Stop other programs first.",
            )
        )
    data = 0
    try:
        check_alone(settings)
    except GroundswellError as error:  # in use, or not to be reached
        problems.append(error)
    if not any(isinstance(problem, StoreUnavailable) for problem in problems):
        data = _look(settings, problems)
    folder = places.folder_of(settings)
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free, needed = shutil.disk_usage(there).free, 2 * data + SPARE_BYTES
    if free < needed:
        problems.append(
            InputError(
                "The disk has no room for an upgrade.",
                why=f"{free // 1_000_000} MB are free in {there}; a backup and its proof need {needed // 1_000_000}.",
                do="Free some space, or set GROUNDSWELL_BACKUP_DIR to another disk.",
            )
        )
    return problems


def upgrade(settings: Settings, key: Key, *, version: str, progress: Progress = lambda _: None) -> Upgraded:
    """Back up, prove the backup, migrate, verify. After a failure the record is what it was, and the failure is raised.

    Goes on where one before was killed. Raises also as ``take`` and ``verify``; nobody else may use the record.
    """
    folder = places.folder_of(settings)
    database = Database(settings, name="restore-upgrade", size=2)
    database.open()
    try:
        note = unfinished(folder)
        if note is None:
            present = applied_revision(database)
            if present == 0:  # a database without anything to lose, or to back up
                return Upgraded(applied=migrate(database), point=None)
            if present == len(migrations()):
                return Upgraded(applied=[], point=None)
            progress("Taking a restore point")
            point = take(settings, database, folder, key, version=version, label=POINT, progress=progress)
        else:
            progress(f"An upgrade was cut off; going on with its restore point {note.point}")
            point = folder / note.point
    finally:
        database.close()
    verify(settings, point, key, progress)
    _write(folder, Note(point=point.name))
    try:
        progress("Migrating")
        applied = _migrated(settings, point)
    except BaseException:
        progress("It failed. Going back to the restore point")
        restore(settings, point, key, progress, up_to_date=False)
        (folder / NOTE).unlink()
        raise
    (folder / NOTE).unlink()
    return Upgraded(applied=applied, point=point.name)


def _migrated(settings: Settings, point: Path) -> list[str]:
    """Migrate and compare: no table that is still there may have lost rows, and a search must find its post."""
    database = Database(settings, name="restore-upgrade", size=2)
    database.open()
    try:
        applied = migrate(database)
        with database.transaction() as transaction:
            transaction.execute(contents.STEADY)
            transaction.execute(contents.PATIENT)
            found = contents.contents(transaction)
        for table, held in manifests.read(point).tables.items():
            if table in found and found[table].rows < held.rows:
                raise InputError(
                    "The migration lost rows.", why=f"{table}: {found[table].rows} instead of {held.rows}."
                )
        search_trial(database)
        return applied
    finally:
        database.close()


def _look(settings: Settings, problems: list[GroundswellError]) -> int:
    """Version and schema of the server; bytes of the record."""
    database = Database(settings, name="restore-look", size=1)
    try:
        database.open()
        server = database.fetch(_SERVER)[0]
        present = applied_revision(database)
    except GroundswellError as error:
        if str(error) not in map(str, problems):
            problems.append(error)
        return 0
    finally:
        database.close()
    if server.version < LEAST_SERVER:
        problems.append(DependencyError("This PostgreSQL is too old.", do="Use PostgreSQL 17 or newer."))
    if present > len(migrations()):
        problems.append(
            InputError(
                "The record was written by a newer version of Groundswell.",
                why=f"Its schema is at revision {present}, this version knows {len(migrations())}.",
                do="Install that version again.",
            )
        )
    return server.bytes


def _memory() -> int | None:
    """Available bytes, where Linux tells."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _write(folder: Path, note: Note) -> None:
    """Whole and on the disk before the record changes."""
    fresh = folder / f".{NOTE}"
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(note))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / NOTE)
