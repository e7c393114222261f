"""Schema before service."""

from __future__ import annotations

import threading

import pytest

from shared.config.settings import Settings
from shared.errors import SchemaNotReady, StoreRejected, StoreUnavailable
from shared.store import units
from shared.store.database import Command, Database
from shared.store.migrate import check_schema, migrate, migrations
from tests.support.engines import Postgres


@pytest.fixture
def empty(postgres: Postgres) -> Database:
    database = Database(Settings(postgres_url=postgres.empty()), name="test", size=8)
    database.open()
    yield database
    database.close()


def test_an_empty_database_is_not_ready_and_says_what_to_run(empty: Database) -> None:
    with pytest.raises(SchemaNotReady, match="groundswell migrate"):
        check_schema(empty)


def test_migrating_twice_applies_each_migration_once(empty: Database) -> None:
    assert migrate(empty) == [migration.name for migration in migrations()]
    assert migrate(empty) == []
    check_schema(empty)


def test_services_that_migrate_at_the_same_time_do_not_collide(empty: Database) -> None:
    applied: list[str] = []
    threads = [threading.Thread(target=lambda: applied.extend(migrate(empty))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # who applied which is chance: each was applied once
    assert sorted(applied) == [migration.name for migration in migrations()]


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    database.execute(Command("INSERT INTO schema_migration (revision, name) VALUES (9999, 'later')"))
    with pytest.raises(SchemaNotReady, match="newer version"):
        check_schema(database)
    with pytest.raises(SchemaNotReady, match="newer version"):
        migrate(database)


def test_a_wrong_statement_is_told_apart_from_an_absent_server(database: Database) -> None:
    with pytest.raises(StoreRejected, match="division by zero"):
        database.execute(Command("SELECT 1/0"))
    absent = Database(Settings(postgres_url="postgresql://nobody@127.0.0.1:1/none"), name="absent", size=1)
    absent.open()
    with pytest.raises(StoreUnavailable):
        absent.execute(Command("SELECT 1"))
    absent.close()


def test_a_unit_that_stops_reporting_is_stale_by_the_databases_clock(database: Database) -> None:
    say = {"unit": "relay", "instance": "a", "component": "relay", "state": "ok", "reason": None}
    database.execute(units.SAY, say)
    assert [report.stale for report in database.fetch(units.READ)] == [False]
    database.execute(Command("UPDATE unit_report SET reported_at = now() - interval '21 seconds'"))
    assert [report.stale for report in database.fetch(units.READ)] == [True]
