"""Backups that a worker takes by itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from prometheus_client import REGISTRY

from services.worker import backups
from services.worker.backups import Backups
from shared.backup import manifest as manifests
from shared.backup import places
from shared.config.settings import Settings
from shared.errors import DependencyError
from shared.store.database import Database
from shared.store.hold import Hold
from shared.telemetry.health import State


class Said:
    """States in the order they were told."""

    def __init__(self) -> None:
        self.states: list[tuple[State, str | None]] = []

    def __call__(self, state: State, reason: str | None) -> None:
        self.states.append((state, reason))


@pytest.fixture
def settings(postgres_url: str, tmp_path: Path) -> Settings:
    return Settings(postgres_url=postgres_url, data_dir=str(tmp_path), backup_keep=2)


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
