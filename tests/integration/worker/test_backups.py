"""Backups that a worker takes by itself, and those it is asked for through the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from services.worker import backups
from services.worker.backups import Backups
from shared.backup import manifest as manifests
from shared.backup import places
from shared.config.settings import Settings
from shared.errors import DependencyError
from shared.store import backups as store
from shared.store.database import Command, Database
from shared.store.hold import Hold
from shared.telemetry.health import State
from tests.support.api import Served, served
from tests.support.records import put_feed, put_post
from tests.support.waiting import eventually


class Said:
    """States in the order they were told."""

    def __init__(self) -> None:
        self.states: list[tuple[State, str | None]] = []

    def __call__(self, state: State, reason: str | None) -> None:
        self.states.append((state, reason))


@pytest.fixture
def settings(postgres_url: str, tmp_path: Path) -> Settings:
    return Settings(postgres_url=postgres_url, data_dir=str(tmp_path), backup_keep=2)


@pytest.fixture
def api(postgres_url: str, valkey_url: str) -> Iterator[Served]:
    with served(Settings(postgres_url=postgres_url, valkey_url=valkey_url, api_port=0)) as running:
        eventually(lambda: running.http.get("/health/ready").status_code == 200)
        yield running


def age(settings: Settings, hours: float) -> None:
    """Make the newest backup older, by name and manifest."""
    from datetime import timedelta

    newest = manifests.whole(places.folder_of(settings))[-1]
    manifest = manifests.read(newest)
    taken = manifest.taken_at - timedelta(hours=hours)
    manifests.write(newest, msgspec.structs.replace(manifest, taken_at=taken))
    newest.rename(newest.with_name(f"groundswell-{taken:%Y%m%dT%H%M%SZ}"))


def test_one_is_taken_when_the_last_is_old_and_the_oldest_goes(settings: Settings, database: Database) -> None:
    said, folder = Said(), places.folder_of(settings)
    look = Backups(settings, database, said)
    look()
    look()
    assert len(manifests.whole(folder)) == 1, "it is not time yet"
    age(settings, 7)
    look()
    assert len(manifests.whole(folder)) == 2
    age(settings, 6.5)
    look()
    assert len(manifests.whole(folder)) == 2, "as many as are kept"
    assert {state for state, _ in said.states} == {"ok"}
    age(settings, 3)
    look()
    aged = REGISTRY.get_sample_value("groundswell_worker_backup_age_seconds")
    assert aged == pytest.approx(3 * 3600, abs=60)


def test_while_another_takes_one_it_waits(settings: Settings, database: Database) -> None:
    said, other = Said(), Hold(settings, "backup")
    assert other.held()
    look = Backups(settings, database, said)
    look()
    assert said.states == []
    assert manifests.whole(places.folder_of(settings)) == []
    other.release()
    look()
    assert len(manifests.whole(places.folder_of(settings))) == 1


def test_a_failure_is_told_and_tried_again_after_a_rest(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, tried = Said(), []
    look = Backups(settings, database, said)

    def broken(*_: object, **__: object) -> Path:
        tried.append(1)
        raise DependencyError("pg_dump failed.", why="No space left.")

    with monkeypatch.context() as patch:
        patch.setattr(backups, "take", broken)
        look()
        look()
    assert len(tried) == 1
    assert said.states == [("degraded", "pg_dump failed. No space left.")]
    monkeypatch.setattr(backups.time, "monotonic", lambda: 1e12)
    look()
    assert said.states[-1] == ("ok", None)


def test_a_copy_that_fails_is_tried_again_without_another_backup(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, copies = Said(), []
    look = Backups(msgspec.structs.replace(settings, backup_remote="off:x"), database, said)

    def copy(path: Path, remote: str) -> None:
        copies.append(path.name)
        if len(copies) == 1:
            raise DependencyError("The copy to off:x failed.")

    monkeypatch.setattr(places, "copy_off", copy)
    look()
    assert said.states == [("degraded", "The copy to off:x failed.")]
    monkeypatch.setattr(backups.time, "monotonic", lambda: 1e12)
    look()
    assert said.states[-1] == ("ok", None)
    assert len({*copies}) == 1
    assert len(manifests.whole(places.folder_of(settings))) == 1


def ordered(api: Served, path: str, status: int = 202) -> dict[str, Any]:
    answer = api.http.post(path, json={})
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def told(api: Served) -> dict[str, Any]:
    return dict(api.http.get("/api/v1/backups").json())


def test_one_is_taken_and_proven_when_somebody_asks(api: Served, settings: Settings, database: Database) -> None:
    put_feed(database)
    put_post(database, "1", text="Storm over Lisbon tonight")
    look = Backups(msgspec.structs.replace(settings, backup_hours=0), database, Said())
    look()
    assert told(api) == {"backups": [], "orders": []}, "none is taken by itself"
    asked = ordered(api, "/api/v1/backups")
    assert ordered(api, "/api/v1/backups")["id"] == asked["id"], "asked for twice, it is taken once"
    look()
    [taken] = told(api)["backups"]
    order = api.http.get(f"/api/v1/backup-orders/{asked['id']}").json()
    assert (order["status"], order["said"]) == ("done", f"Taken as {taken['name']}.")
    assert (taken["verified_at"], taken["problem"]) == (None, None)
    assert taken["rows"] > 0

    proof = ordered(api, f"/api/v1/backups/{taken['name']}/verify")
    look()
    order = api.http.get(f"/api/v1/backup-orders/{proof['id']}").json()
    assert order["status"] == "done", order
    assert order["said"].startswith(f"{taken['rows']} rows of ")
    assert "a search for 'Storm over Lisbon' found its post" in order["said"]
    assert told(api)["backups"][0]["verified_at"] is not None


def test_a_damaged_one_is_told_beside_the_backup_and_hides_no_earlier_proof(
    api: Served, settings: Settings, database: Database
) -> None:
    look = Backups(settings, database, Said())
    look()
    [name] = [one["name"] for one in told(api)["backups"]]
    database.execute(store.VERIFIED, {"name": name, "problem": None})
    path = places.folder_of(settings) / name / "record.dump.age"
    path.write_bytes(path.read_bytes()[:-1])
    proof = ordered(api, f"/api/v1/backups/{name}/verify")
    look()
    order = api.http.get(f"/api/v1/backup-orders/{proof['id']}").json()
    assert (order["status"], order["said"]) == ("failed", told(api)["backups"][0]["problem"])
    assert "damaged" in order["said"]
    assert told(api)["backups"][0]["verified_at"] is not None
    path.with_name(manifests.NAME).unlink()
    Backups(msgspec.structs.replace(settings, backup_hours=0), database, Said())()
    assert name not in [one["name"] for one in told(api)["backups"]], "what is gone is told no more"
    assert ordered(api, f"/api/v1/backups/{name}/verify", status=404)["what"] == "There is no such backup."


def test_an_order_waits_for_another_backup_and_outlives_the_worker_that_began_it(
    api: Served, settings: Settings, database: Database
) -> None:
    look, other = Backups(settings, database, Said()), Hold(settings, "backup")
    assert other.held()
    asked = ordered(api, "/api/v1/backups")
    look()
    assert api.http.get(f"/api/v1/backup-orders/{asked['id']}").json()["status"] == "waiting"
    other.release()
    assert database.fetch_one(store.CLAIM) is not None, "a worker that dies now"
    assert database.fetch_one(store.CLAIM) is None, "nobody else does it meanwhile"
    database.execute(Command("UPDATE backup_order SET begun_at = begun_at - interval '4 hours'"))
    look()
    assert api.http.get(f"/api/v1/backup-orders/{asked['id']}").json()["status"] == "done"
