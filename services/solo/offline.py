"""The engines alone, for commands that work on the record without the whole platform."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from services.solo.engines import Postgres, Valkey
from services.solo.folder import DataFolder
from services.solo.supervisor import Supervisor
from shared.backup.upgrade import check_finished
from shared.config.load import foreign_environment
from shared.config.settings import Settings
from shared.errors import ConflictError
from shared.store.database import Database
from shared.store.migrate import migrate


@contextmanager
def engines_alone(settings: Settings) -> Iterator[tuple[Settings, ConflictError | None]]:
    """As ``engines_for``, but the schema stays as it is; and, where somebody runs on the data folder, that conflict."""
    if settings.postgres_url and settings.valkey_url:
        yield settings, None
        return
    folder = DataFolder(Path(settings.data_dir))
    environment = foreign_environment()
    try:
        folder.open()
    except ConflictError as conflict:
        yield _with_urls(settings, Postgres(folder.path, environment), Valkey(folder.path, environment)), conflict
        return
    with _started(settings, folder) as ready:
        yield ready, None


@contextmanager
def engines_for(settings: Settings) -> Iterator[Settings]:
    """Settings whose engines answer and whose schema is ready.

    Where the settings name engines, those are used; else the data folder's own are started, or,
    when a platform runs on that folder already, shared with it.
    """
    if settings.postgres_url and settings.valkey_url:
        yield settings
        return
    folder = DataFolder(Path(settings.data_dir))
    environment = foreign_environment()
    try:
        folder.open()
    except ConflictError:
        yield _with_urls(settings, Postgres(folder.path, environment), Valkey(folder.path, environment))
        return
    with _started(settings, folder) as ready:
        check_finished(ready)
        _migrate(ready)
        yield ready


@contextmanager
def _started(settings: Settings, folder: DataFolder) -> Iterator[Settings]:
    """The open ``folder``'s own engines, started; stopped and the folder closed afterwards."""
    environment = foreign_environment()
    supervisor = Supervisor(folder.sub("logs"), lambda *_event: None)
    try:
        postgres, valkey = Postgres(folder.path, environment), Valkey(folder.path, environment)
        postgres.prepare()
        supervisor.start(postgres.spec())
        valkey.prepare()
        supervisor.start(valkey.spec())
        yield _with_urls(settings, postgres, valkey)
    finally:
        supervisor.stop()
        folder.close()


def _with_urls(settings: Settings, postgres: Postgres, valkey: Valkey) -> Settings:
    return msgspec.structs.replace(settings, postgres_url=postgres.url, valkey_url=valkey.url)


def _migrate(settings: Settings) -> None:
    database = Database(settings, name="migrate", size=1)
    database.open()
    try:
        migrate(database)
    finally:
        database.close()
