"""Takes backups by itself: by the database's clock, one worker at a time, and tells health when the last is old.

It also takes and proves those that people ask for, and tells in the record which there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from services.worker import metrics
from shared.backup import manifest as manifests
from shared.backup import places
from shared.backup.restore import verify
from shared.backup.take import rotate, take
from shared.config.settings import Settings
from shared.errors import ConflictError, DependencyError, GroundswellError, InputError
from shared.schemas.backup import BackupOrder
from shared.schemas.base import Schema
from shared.store import backups as store
from shared.store.database import Database, Statement
from shared.telemetry import logs
from shared.telemetry.health import State
from shared.telemetry.version import installed_version

#: After a failure: what is wrong seldom heals within a minute, and a try costs a copy of everything.
REST_SECONDS = 900.0


class Now(Schema, frozen=True, kw_only=True):
    """The database's clock."""

    now: datetime


_NOW = Statement("SELECT now() AS now", Now)


class Backups:
    """One look. ``say`` is told the state of the part "backup". With ``backup_hours`` 0 only orders are done."""

    def __init__(self, settings: Settings, database: Database, say: Callable[[State, str | None], None]) -> None:
        self._settings, self._database, self._say = settings, database, say
        self._every = timedelta(hours=settings.backup_hours)
        self._folder = places.folder_of(settings)
        self._told: list[str] | None = None
        self._uncopied: Path | None = None
        self._rest_until = 0.0

    def __call__(self) -> None:
        """Do what was asked for; take a backup if it is time. Raises StoreUnavailable."""
        self._tell()
        while order := self._database.fetch_one(store.CLAIM):
            if not self._do(order):
                break
        self._take_when_due()
        self._tell()

    def _do(self, order: BackupOrder) -> bool:
        """False where it has to wait, since somebody else takes a backup at this moment."""
        status, said = "done", ""
        try:
            if order.what == "take":
                path = self._take()
                said = f"Taken as {path.name}."
            else:
                said = self._verify(order.backup)
        except ConflictError:
            self._database.execute(store.POSTPONE, {"id": order.id})
            return False
        except (GroundswellError, OSError) as error:
            status, said = "failed", _said(error)
            logs.get(__name__).warning("backup_order_failed", what=order.what, error=str(error))
        self._database.execute(store.END, {"id": order.id, "status": status, "said": said[:500]})
        self._tell()
        return True

    def _verify(self, name: str) -> str:
        """Prove one, and write down how that went. Raises InputError for one that is damaged, StoreUnavailable."""
        try:
            restored = verify(self._settings, self._folder / name, places.key_of(self._settings, make=False))
        except GroundswellError as error:
            if not isinstance(error, DependencyError):  # what is away says nothing of the backup
                self._database.execute(store.VERIFIED, {"name": name, "problem": _said(error)[:500]})
            raise
        self._database.execute(store.VERIFIED, {"name": name, "problem": None})
        found = f", and a search for {restored.searched!r} found its post" if restored.searched else ""
        return f"{restored.rows} rows of {restored.tables} tables came back as they were{found}."

    def _tell(self) -> None:
        """Write down which there are, if that changed since."""
        names = [path.name for path in manifests.whole(self._folder)]
        if names == self._told:
            return
        for name in names:
            try:
                manifest = manifests.read(self._folder / name)
            except InputError as error:
                logs.get(__name__).warning("backup_not_readable", name=name, error=str(error))
                continue
            about = {
                "name": name,
                "taken_at": manifest.taken_at,
                "version": manifest.version,
                "revision": manifest.revision,
                "rows": sum(held.rows for held in manifest.tables.values()),
                "bytes": sum(part.bytes for part in manifest.parts),
                "seconds": manifest.seconds,
            }
            self._database.execute(store.TELL, about)
        self._database.execute(store.FORGET, {"names": names})
        self._told = names

    def _take_when_due(self) -> None:
        now = self._database.fetch(_NOW)[0].now
        if time.monotonic() < self._rest_until:
            return
        try:
            if self._is_due(now):
                self._take()
            elif not self._uncopied:
                return
            if self._uncopied:
                places.copy_off(self._uncopied, self._settings.backup_remote)
                self._uncopied = None
        except ConflictError:
            return  # another worker does it, or a person
        except (GroundswellError, OSError) as error:
            self._rest_until = time.monotonic() + REST_SECONDS
            metrics.BACKUPS.labels("failed").inc()
            logs.get(__name__).warning("backup_failed", error=str(error))
            self._say("degraded", _said(error)[:300])
            return
        self._say("ok", None)

    def _is_due(self, now: datetime) -> bool:
        found = manifests.whole(self._folder)
        if not found or not self._every:
            return bool(self._every)
        last = manifests.read(found[-1]).taken_at
        metrics.BACKUP_AGE.set((now - last).total_seconds())
        return now - last >= self._every

    def _take(self) -> Path:
        key = places.key_of(self._settings, make=True)
        path = take(self._settings, self._database, self._folder, key, version=installed_version())
        rotate(self._folder, self._settings.backup_keep)
        if self._settings.backup_remote:
            self._uncopied = path
        manifest = manifests.read(path)
        metrics.BACKUPS.labels("taken").inc()
        metrics.BACKUP_AGE.set(0)
        metrics.BACKUP_SECONDS.set(manifest.seconds)
        metrics.BACKUP_BYTES.set(sum(part.bytes for part in manifest.parts))
        logs.get(__name__).info("backup_taken", name=path.name, seconds=manifest.seconds)
        return path


def _said(error: GroundswellError | OSError) -> str:
    return (f"{error.what} {error.why or ''}" if isinstance(error, GroundswellError) else f"{error}").strip()
