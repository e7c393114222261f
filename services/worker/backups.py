"""Takes backups by itself: by the database's clock, one worker at a time, and tells health when the last is old."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from services.worker import metrics
from shared.backup import manifest as manifests
from shared.backup import places
from shared.backup.take import rotate, take
from shared.config.settings import Settings
from shared.errors import ConflictError, GroundswellError
from shared.schemas.base import Schema
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
    """One look. ``say`` is told the state of the part "backup"."""

    def __init__(self, settings: Settings, database: Database, say: Callable[[State, str | None], None]) -> None:
        self._settings, self._database, self._say = settings, database, say
        self._every = timedelta(hours=settings.backup_hours)
        self._folder = places.folder_of(settings)
        self._uncopied: Path | None = None
        self._rest_until = 0.0

    def __call__(self) -> None:
        """Take a backup if it is time. Raises StoreUnavailable."""
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
            said = f"{error.what} {error.why or ''}" if isinstance(error, GroundswellError) else f"{error}"
            self._say("degraded", said.strip()[:300])
            return
        self._say("ok", None)

    def _is_due(self, now: datetime) -> bool:
        found = manifests.whole(self._folder)
        if not found:
            return True
        last = manifests.read(found[-1]).taken_at
        metrics.BACKUP_AGE.set((now - last).total_seconds())
        return now - last >= self._every

    def _take(self) -> None:
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
