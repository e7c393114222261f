"""Backups of the real engine: taken in one view, encrypted, proven by restoring them, put back, rotated, copied off."""

from __future__ import annotations

import io
import shutil
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from services.cli.main import main
from shared.backup import manifest as manifests
from shared.backup import places, tools
from shared.backup import restore as restoring
from shared.backup.key import Key, make_key
from shared.backup.restore import restore, verify
from shared.backup.take import rotate, take
from shared.config.settings import Settings
from shared.errors import ConfigurationError, ConflictError, DependencyError, InputError
from shared.store.database import Command, Database
from shared.store.migrate import migrations
from tests.support.records import put_feed, put_post
from tests.support.waiting import until


def put_posts(database: Database, texts: list[str]) -> None:
    for text in texts:
        put_post(database, uuid4().hex, text=text, time=datetime.now(UTC))


@pytest.fixture
def settings(postgres_url: str, valkey_url: str, tmp_path: Path) -> Settings:
    return Settings(postgres_url=postgres_url, valkey_url=valkey_url, data_dir=str(tmp_path / "data"))


@pytest.fixture
def key(settings: Settings) -> Key:
    return places.key_of(settings, make=True)


@pytest.fixture
def record(database: Database) -> Database:
    """Posts in two scripts, and what else a record holds."""
    put_feed(database)
    put_posts(database, ["Storm over Lisbon tonight", "東京で地震がありました", "The tide comes in"] * 10)
    return database


@pytest.fixture
def folder(settings: Settings) -> Path:
    return places.folder_of(settings)


def posts(database: Database) -> int:
    from shared.store.search import Condition, newest

    where = Condition()
    return len(database.fetch(newest(where), where.params | {"limit": 1000}))


def taken(settings: Settings, record: Database, folder: Path, key: Key) -> Path:
    return take(settings, record, folder, key, version="test")


def databases(settings: Settings) -> list[str]:
    from shared.schemas.base import Schema
    from shared.store.database import Statement

    class Name(Schema, frozen=True, kw_only=True):
        name: str

    there = msgspec.structs.replace(settings, postgres_url=tools.with_database(settings.postgres_url, "template1"))
    database = Database(there, name="look", size=1)
    database.open()
    try:
        found = database.fetch(Statement("SELECT datname AS name FROM pg_database ORDER BY 1", Name))
    finally:
        database.close()
    return [row.name for row in found if "restore" in row.name]


def test_a_backup_is_whole_encrypted_and_private(settings: Settings, record: Database, folder: Path, key: Key) -> None:
    path = taken(settings, record, folder, key)
    assert manifests.WHOLE.fullmatch(path.name)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    names = sorted(file.name for file in path.iterdir())
    assert names == ["files.tar.age", "manifest.json", "record.dump.age"]
    for name in names[::2]:
        assert (path / name).read_bytes().startswith(b"age-encryption.org/v1")
    manifest = manifests.read(path)
    assert manifest.tables["post"].rows == 30
    assert manifest.revision == len(migrations())
    assert manifest.recipient == key.recipient
    assert b"Lisbon" not in b"".join(file.read_bytes() for file in path.iterdir())


def test_it_is_proven_by_restoring_and_searching_and_leaves_nothing(
    settings: Settings, record: Database, folder: Path, key: Key
) -> None:
    path = taken(settings, record, folder, key)
    put_posts(record, ["Later than the backup"])
    restored = verify(settings, path, key)
    assert restored.searched in ("Storm over Lisbon", "東京で地震がありました", "The tide comes")
    assert restored.rows >= 30
    assert posts(record) == 31, "the record is as it was"
    assert databases(settings) == []
    assert [file.name for file in folder.iterdir()] == [path.name]


def test_posts_that_come_while_it_is_taken_do_not_make_it_differ(
    settings: Settings, record: Database, folder: Path, key: Key
) -> None:
    stop = threading.Event()

    def write() -> None:
        database = Database(settings, name="writer", size=1)
        database.open()
        number = 0
        while not stop.is_set():
            put_posts(database, [f"Post number {number} while a backup is taken"])
            number += 1
        database.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: posts(record) > 35, 20)
        path = taken(settings, record, folder, key)
        later = posts(record)
        until(lambda: posts(record) > later, 20)
    finally:
        stop.set()
        writer.join()
    assert verify(settings, path, key).rows > 0


def test_a_restore_puts_back_what_was_there(settings: Settings, record: Database, folder: Path, key: Key) -> None:
    path = taken(settings, record, folder, key)
    record.execute(Command("DELETE FROM post"))
    record.close()
    restore(settings, path, key)
    again = Database(settings, name="again", size=1)
    again.open()
    assert posts(again) == 30
    again.close()
    assert databases(settings) == []


def test_it_is_refused_while_the_record_is_in_use(settings: Settings, record: Database, folder: Path, key: Key) -> None:
    path = taken(settings, record, folder, key)
    with pytest.raises(ConflictError, match="in use"):
        restore(settings, path, key)
    assert posts(record) == 30
    assert databases(settings) == []


def test_whatever_fails_after_the_renames_takes_them_back(
    settings: Settings, record: Database, folder: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = taken(settings, record, folder, key)
    put_posts(record, ["Later than the backup"])
    record.close()

    def broken(_: Database) -> None:
        raise DependencyError("the migration failed")

    monkeypatch.setattr(restoring, "migrate", broken)
    with pytest.raises(DependencyError, match="the migration failed"):
        restore(settings, path, key)
    again = Database(settings, name="again", size=1)
    again.open()
    assert posts(again) == 31
    again.close()
    assert databases(settings) == []


@pytest.mark.parametrize("how", ["changed", "cut", "missing"])
def test_a_damaged_backup_is_refused(settings: Settings, record: Database, folder: Path, key: Key, how: str) -> None:
    path = taken(settings, record, folder, key)
    dump = path / "record.dump.age"
    content = bytearray(dump.read_bytes())
    if how == "missing":
        dump.unlink()
    elif how == "cut":
        dump.write_bytes(content[:-100])
    else:
        content[len(content) // 2] ^= 1
        dump.write_bytes(content)
    with pytest.raises(InputError, match="is not whole" if how == "missing" else "was damaged"):
        verify(settings, path, key)


def test_a_backup_that_restores_to_something_else_is_told(
    settings: Settings, record: Database, folder: Path, key: Key
) -> None:
    path = taken(settings, record, folder, key)
    manifest = manifests.read(path)
    held = manifest.tables["post"]
    tables = {**manifest.tables, "post": msgspec.structs.replace(held, digest=str(int(held.digest) + 1))}
    manifests.write(path, msgspec.structs.replace(manifest, tables=tables))
    with pytest.raises(InputError, match="does not restore to what was backed up") as told:
        verify(settings, path, key)
    assert told.value.why == "Rows of post: 30 instead of 30."
    assert databases(settings) == []


def test_another_key_and_a_newer_version_are_refused(
    settings: Settings, record: Database, folder: Path, key: Key, tmp_path: Path
) -> None:
    path = taken(settings, record, folder, key)
    with pytest.raises(InputError, match="cannot be decrypted"):
        verify(settings, path, make_key(tmp_path / "other.key"))
    assert databases(settings) == []
    manifest = manifests.read(path)
    manifests.write(path, msgspec.structs.replace(manifest, revision=manifest.revision + 1))
    with pytest.raises(InputError, match="belongs to a newer version"):
        verify(settings, path, key)


def test_the_key_is_made_once_and_kept_private(settings: Settings, tmp_path: Path) -> None:
    first = places.key_of(settings, make=True)
    assert places.key_of(settings, make=True).recipient == first.recipient
    path = places.key_path(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="Others may read"):
        places.key_of(settings, make=True)
    named = msgspec.structs.replace(settings, backup_key_file=str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        places.key_of(named, make=True)


def test_what_a_cut_backup_left_is_removed_and_only_the_newest_are_kept(
    settings: Settings, record: Database, folder: Path, key: Key
) -> None:
    first = taken(settings, record, folder, key)
    (folder / ".groundswell-20260101T000000Z.part").mkdir()
    (folder / "groundswell-20260101T000000Z").mkdir()  # its manifest went first
    (folder / "mine.txt").touch()
    second = take(settings, record, folder, key, version="test", label="before-restore")
    assert {path.name for path in folder.iterdir()} == {first.name, second.name, "mine.txt"}
    assert rotate(folder, 1) == [min(first.name, second.name)]
    assert len(manifests.whole(folder)) == 1
    assert (folder / "mine.txt").exists()


def test_a_full_disk_is_told_before_anything_is_written(
    settings: Settings, record: Database, folder: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil._ntuple_diskusage(10**9, 10**9, 10**6)  # type: ignore[attr-defined]
    monkeypatch.setattr("shared.backup.take.shutil.disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="no room"):
        taken(settings, record, folder, key)
    assert list(folder.iterdir()) == []


def test_keys_of_feeds_come_back_and_the_backups_own_stays_out(
    settings: Settings, record: Database, folder: Path, key: Key
) -> None:
    secrets = places.key_path(settings).parent
    (secrets / "sealed.key").write_text("ab" * 32)
    path = taken(settings, record, folder, key)
    (secrets / "sealed.key").unlink()
    record.close()
    restore(settings, path, key)
    assert (secrets / "sealed.key").read_text() == "ab" * 32
    assert stat.S_IMODE((secrets / "sealed.key").stat().st_mode) == 0o600
    from tarfile import open as opened

    key.decrypt(path / "files.tar.age", secrets / "plain.tar")
    with opened(secrets / "plain.tar") as archive:
        assert archive.getnames() == ["secrets/sealed.key"]


def test_passwords_are_not_on_command_lines() -> None:
    plain, password = tools.without_password("postgresql://gs:p%40ss@db:5432/gs?sslmode=require")
    assert (plain, password) == ("postgresql://gs@db:5432/gs?sslmode=require", "p@ss")
    assert tools.database_of("postgresql://gs@db/records") == "records"
    assert tools.with_database("postgresql://gs:x@db/records?host=%2Frun", "other") == (
        "postgresql://gs:x@db/other?host=%2Frun"
    )


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A remote of rclone that is a folder."""
    if shutil.which("rclone") is None:
        pytest.skip("rclone is not installed")
    target = tmp_path / "elsewhere"
    monkeypatch.setenv("RCLONE_CONFIG_OFF_TYPE", "alias")
    monkeypatch.setenv("RCLONE_CONFIG_OFF_REMOTE", str(target))
    monkeypatch.setenv("RCLONE_CONFIG", "/dev/null")
    return target


def test_a_backup_is_copied_off(
    settings: Settings, record: Database, folder: Path, key: Key, remote: Path, tmp_path: Path
) -> None:
    path = taken(settings, record, folder, key)
    places.copy_off(path, "off:groundswell")
    copied = remote / "groundswell" / path.name
    manifests.check_parts(copied, manifests.read(copied))
    assert verify(settings, copied, key).rows > 0
    with pytest.raises(DependencyError, match="failed"):
        places.copy_off(path, "nowhere:x")


def test_by_the_command_line(
    settings: Settings,
    record: Database,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GROUNDSWELL_POSTGRES_URL", settings.postgres_url)
    monkeypatch.setenv("GROUNDSWELL_VALKEY_URL", settings.valkey_url)
    monkeypatch.setenv("GROUNDSWELL_DATA_DIR", settings.data_dir)
    assert main(["restore", "--verify"]) != 0
    assert main(["backup", "key"]) == 0
    assert main(["backup"]) == 0
    said = capsys.readouterr()
    assert "30" in said.out or "rows of" in said.out
    assert "Keep a copy elsewhere" in said.out
    assert main(["backup", "list"]) == 0
    assert "groundswell-2" in capsys.readouterr().out
    assert main(["restore", "--verify"]) == 0
    assert "are as they were backed up, a search for" in capsys.readouterr().out
    record.execute(Command("DELETE FROM post"))
    record.close()
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert main(["restore"]) == 1
    assert "Nothing was changed." in capsys.readouterr().out
    assert main(["restore", "--yes"]) == 0
    assert "What was there before is groundswell-" in capsys.readouterr().out
    again = Database(settings, name="again", size=1)
    again.open()
    assert posts(again) == 30
    again.close()
