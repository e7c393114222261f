"""Upgrades of a real record: everything in the way told at once, and the record as it was after failures and kills."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from services.cli.main import main
from services.solo.folder import DataFolder
from services.solo.offline import engines_alone
from shared.backup import places, tools
from shared.backup import restore as restoring
from shared.backup import upgrade as upgrading
from shared.backup.key import Key
from shared.backup.upgrade import check_finished, preflight, unfinished, upgrade
from shared.config.settings import Settings
from shared.errors import ConflictError, GroundswellError
from shared.schemas.base import Schema
from shared.store import contents
from shared.store import migrate as migrating
from shared.store.database import Command, Database, Statement
from shared.store.migrate import Migration, applied_revision, migrations
from tests.support.records import put_feed, put_post

NOW = migrations()
GOOD = "CREATE TABLE upgrade_trial (id integer PRIMARY KEY)"

#: A process that dies, as by kill -9, when the first of two migrations was applied.
KILLED = f"""
import os, signal, sys
import msgspec
from shared.backup import places, upgrade as upgrading, restore as restoring
from shared.config.settings import Settings
from shared.store import migrate as migrating
from shared.store.migrate import Migration, migrations
new = (*migrations(), Migration(revision={len(NOW) + 1}, name="first", sql="{GOOD}"))
for module in (migrating, upgrading, restoring):
    module.migrations = lambda: new
real = upgrading.migrate
def one(database):
    real(database)
    os.kill(os.getpid(), signal.SIGKILL)
upgrading.migrate = one
settings = msgspec.json.decode(sys.stdin.buffer.read(), type=Settings)
upgrading.upgrade(settings, places.key_of(settings, make=False), version="test")
"""


class Found(Schema, frozen=True, kw_only=True):
    there: bool


TRIAL = Statement("SELECT to_regclass('upgrade_trial') IS NOT NULL AS there", Found)


@pytest.fixture
def settings(postgres_url: str, valkey_url: str, tmp_path: Path) -> Settings:
    return Settings(postgres_url=postgres_url, valkey_url=valkey_url, data_dir=str(tmp_path / "data"))


@pytest.fixture
def key(settings: Settings) -> Key:
    return places.key_of(settings, make=True)


@pytest.fixture
def record(database: Database) -> Database:
    put_feed(database)
    for number in range(10):
        put_post(database, uuid4().hex, text=f"Storm number {number} over Lisbon", time=datetime.now(UTC))
    return database


def newer(monkeypatch: pytest.MonkeyPatch, *queries: str) -> None:
    """This code, as if it had a migration more for each query."""
    more = (Migration(revision=len(NOW) + at, name=f"trial {at}", sql=sql) for at, sql in enumerate(queries, 1))
    wanted = (*NOW, *more)
    for module in (migrating, upgrading, restoring):
        monkeypatch.setattr(module, "migrations", lambda: wanted)


def state(settings: Settings) -> tuple[int, dict[str, contents.Digest], bool]:
    database = Database(settings, name="state", size=1)
    database.open()
    try:
        with database.transaction() as transaction:
            held = contents.contents(transaction)
        return applied_revision(database), held, database.fetch(TRIAL)[0].there
    finally:
        database.close()


def test_it_migrates_behind_a_restore_point_and_then_has_nothing_to_do(
    settings: Settings, record: Database, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.close()
    newer(monkeypatch, GOOD)
    done = upgrade(settings, key, version="test")
    assert done.applied == ["trial 1"]
    assert done.point is not None
    assert (places.folder_of(settings) / done.point).is_dir()
    assert state(settings)[::2] == (len(NOW) + 1, True)
    assert upgrade(settings, key, version="test").point is None
    check_finished(settings)


@pytest.mark.parametrize("second", ["SELECT 1 / 0", "DELETE FROM post"], ids=["fails", "loses rows"])
def test_after_a_failure_half_way_the_record_is_what_it_was(
    settings: Settings, record: Database, key: Key, monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    record.close()
    before = state(settings)
    newer(monkeypatch, GOOD, second)
    with pytest.raises(GroundswellError):
        upgrade(settings, key, version="test")
    assert state(settings) == before
    check_finished(settings)


def test_after_a_kill_others_say_what_to_do_and_the_next_upgrade_goes_on(
    settings: Settings, record: Database, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.close()
    before = state(settings)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], input=msgspec.json.encode(settings), capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert state(settings)[::2] == (len(NOW) + 1, True), "killed between two migrations"
    with pytest.raises(ConflictError, match="groundswell upgrade"):
        check_finished(settings)
    note = unfinished(places.folder_of(settings))
    with monkeypatch.context() as failing:
        newer(failing, GOOD, "SELECT 1 / 0")
        with pytest.raises(GroundswellError):
            upgrade(settings, key, version="test")
    assert state(settings) == before, "it went back to the point of the upgrade that was killed"
    assert note is not None
    assert [path.name for path in places.folder_of(settings).glob("groundswell-*")] == [note.point]
    check_finished(settings)


def test_everything_in_the_way_is_told_at_once(
    settings: Settings, record: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.execute(
        Command("INSERT INTO schema_migration (revision, name) VALUES (%(revision)s, 'later')"),
        {"revision": len(NOW) + 1},
    )
    usage = shutil._ntuple_diskusage(10**9, 10**9, 10**6)  # type: ignore[attr-defined]
    monkeypatch.setattr(upgrading.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(upgrading, "_memory", lambda: 10**6)
    told = " ".join(problem.what for problem in preflight(settings))
    for part in ("memory", "in use", "newer version", "no room"):
        assert part in told
    away = msgspec.structs.replace(settings, postgres_url="postgresql://nobody@127.0.0.1:1/none")
    assert [problem.what for problem in preflight(away)].count("PostgreSQL did not answer.") == 1


def test_by_the_command_line(
    settings: Settings, record: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GROUNDSWELL_POSTGRES_URL", settings.postgres_url)
    monkeypatch.setenv("GROUNDSWELL_VALKEY_URL", settings.valkey_url)
    monkeypatch.setenv("GROUNDSWELL_DATA_DIR", settings.data_dir)
    assert main(["upgrade", "--check"]) != 0
    assert "in use" in capsys.readouterr().err
    record.close()
    assert main(["upgrade", "--check"]) == 0
    assert main(["upgrade"]) == 0
    assert "up to date" in capsys.readouterr().out


def test_an_empty_database_needs_no_restore_point(settings: Settings, key: Key) -> None:
    name = f"groundswell_restore_{uuid4().hex[:12]}"
    server = Database(settings, name="make", size=1)
    server.open()
    try:
        server.execute_alone(contents.make(name))
        empty = msgspec.structs.replace(settings, postgres_url=tools.with_database(settings.postgres_url, name))
        done = upgrade(empty, key, version="test")
        assert done.point is None
        assert len(done.applied) == len(NOW)
    finally:
        server.execute_alone(contents.drop(name))
        server.close()


def test_a_running_stack_is_one_problem_among_others(settings: Settings, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "solo")
    folder.open()
    try:
        mine = msgspec.structs.replace(settings, postgres_url="", valkey_url="", data_dir=str(folder.path))
        with engines_alone(mine) as (ready, taken):
            assert taken is not None
            assert "already runs" in taken.what
            assert preflight(ready), "its engines are not there, and that is told too"
    finally:
        folder.close()
