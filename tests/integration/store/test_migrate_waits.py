"""The one-shot migration that starts before PostgreSQL."""

from __future__ import annotations

import threading

import pytest

from services.cli.main import main
from shared.errors import StoreUnavailable
from shared.store import migrate as module
from tests.support.engines import Postgres


def test_it_waits_for_postgresql_where_it_is_told_to(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away, migrate = threading.Event(), module.migrate

    def late(database: object) -> list[str]:
        if not away.is_set():
            away.set()
            raise StoreUnavailable("away")
        return migrate(database)  # type: ignore[arg-type]

    monkeypatch.setattr("services.cli.migrate.migrate", late)
    monkeypatch.setenv("GROUNDSWELL_POSTGRES_URL", postgres.empty())
    monkeypatch.setenv("GROUNDSWELL_VALKEY_URL", "redis://127.0.0.1:1")
    assert main(["migrate"]) == StoreUnavailable.exit_code
    away.clear()
    assert main(["migrate", "--wait", "20"]) == 0
    said = capsys.readouterr()
    assert "0001_initial.sql" in said.out
    assert said.err.count("Waiting for it") == 1
