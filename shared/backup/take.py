"""Takes a backup: the record, the vectors of a Qdrant, the secrets of feeds; encrypted, with what it holds.

The record is copied by pg_dump in one view of the database, in which its contents are counted too: so a restore that
differs shows. A backup is made beside and gets its name when it is whole.
"""

from __future__ import annotations

import shutil
import tarfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from shared.backup import manifest as manifests
from shared.backup import tools
from shared.backup.key import SUFFIX, Key
from shared.backup.manifest import Held, Manifest
from shared.config.settings import Settings
from shared.errors import ConflictError, DependencyError, InputError
from shared.store import contents
from shared.store.database import Database
from shared.store.hold import Hold
from shared.store.migrate import revision

RECORD, FILES = "record.dump", "files.tar"
#: Room that is left on the disk beside what a backup may take.
SPARE_BYTES = 500_000_000

Progress = Callable[[str], None]


def take(
    settings: Settings, database: Database, folder: Path, key: Key, *, version: str, label: str = "",
    progress: Progress = lambda _: None,
) -> Path:  # fmt: skip
    """A new backup in ``folder``; its path.

    Raises ConflictError while another is being taken, StoreUnavailable, DependencyError, InputError for a full disk.
    """
    hold = Hold(settings, "backup")
    try:
        if not hold.held():
            raise ConflictError("Another backup is being taken.", do="Wait until it has ended.")
        return _take(settings, database, folder, key, version=version, label=label, progress=progress)
    finally:
        hold.release()


def _take(
    settings: Settings, database: Database, folder: Path, key: Key, *, version: str, label: str, progress: Progress
) -> Path:
    begun = time.monotonic()
    _make_private(folder)
    sweep(folder)
    with database.transaction() as transaction:
        transaction.execute(contents.STEADY)
        transaction.execute(contents.PATIENT)
        shared = transaction.fetch(contents.SHARE)[0]
        half = folder / f".{_name(shared.now, label)}.part"
        half.mkdir(mode=0o700)
        try:
            progress("Copying the record")
            tools.run(
                "pg_dump",
                settings.postgres_url,
                [
                    *(
                        "--format=custom",
                        "--compress=gzip:1",
                        "--no-owner",
                        "--no-privileges",
                        "--lock-wait-timeout=60000",
                    ),
                    *(f"--snapshot={shared.snapshot}", f"--file={half / RECORD}"),
                ],
            )
            progress("Counting what it holds")
            held = {name: Held(row.rows, row.digest) for name, row in contents.contents(transaction).items()}
            at = revision(transaction)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise
    try:
        if settings.vector_backend == "qdrant":
            progress("Copying vectors")
            _vectors(settings, database, half)
        _files(settings, half / FILES)
        progress("Encrypting")
        parts = []
        for plain in sorted(half.iterdir()):
            _room(folder, plain.stat().st_size)
            encrypted = plain.with_name(plain.name + SUFFIX)
            key.encrypt(plain, encrypted)
            plain.unlink()
            parts.append(manifests.part_of(encrypted))
        manifests.write(
            half,
            Manifest(
                version=version, taken_at=shared.now, revision=at, server=shared.server, recipient=key.recipient,
                tables=held, parts=parts, seconds=round(time.monotonic() - begun, 3),
            ),
        )  # fmt: skip
        target = folder / half.name.removeprefix(".").removesuffix(".part")
        half.rename(target)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise
    return target


def rotate(folder: Path, keep: int) -> list[str]:
    """Remove all but the newest ``keep`` backups; the names of those that went."""
    gone = manifests.whole(folder)[: -max(keep, 1)]
    for path in gone:
        (path / manifests.NAME).unlink()  # from here on it is none
        shutil.rmtree(path)
    return [path.name for path in gone]


def sweep(folder: Path) -> None:
    """Remove what backups left that did not end."""
    for path in folder.glob(".groundswell-*.part"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob("groundswell-*"):
        if manifests.WHOLE.fullmatch(path.name) and path.is_dir() and not (path / manifests.NAME).exists():
            shutil.rmtree(path, ignore_errors=True)


def _name(now: datetime, label: str) -> str:
    return f"groundswell-{now:%Y%m%dT%H%M%SZ}{f'-{label}' if label else ''}"


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"Backups cannot lie in {folder}.", why=f"{error.strerror}.") from error
    _room(folder, 0)


def _room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise InputError(
            "The disk has no room for a backup.",
            why=f"{free // 1_000_000} MB are free in {folder}, {(needed + SPARE_BYTES) // 1_000_000} are needed.",
            do="Free some space, or set GROUNDSWELL_BACKUP_DIR or a smaller GROUNDSWELL_BACKUP_KEEP.",
        )


def _vectors(settings: Settings, database: Database, folder: Path) -> None:
    """Every collection. Without Qdrant a backup is made all the same: vectors are made anew from posts."""
    from shared.vectors.make import open_index
    from shared.vectors.qdrant_snapshots import Snapshots

    snapshots = Snapshots(settings.qdrant_url, settings.qdrant_api_key)
    try:
        for model in open_index(settings, database).models():
            snapshots.save(model, folder)
    except DependencyError:
        for path in folder.glob("*.snapshot"):
            path.unlink()
    finally:
        snapshots.close()


def _files(settings: Settings, target: Path) -> None:
    """Keys of feeds. Not the backup's own: whoever has the backup must not have it thereby."""
    secrets = Path(settings.secrets_dir) if settings.secrets_dir else Path(settings.data_dir) / "secrets"
    with tarfile.open(target, "w") as archive:
        for path in sorted(secrets.iterdir()) if secrets.is_dir() else ():
            if path.is_file() and not path.is_symlink() and path.name != "backup.key":
                archive.add(path, arcname=f"secrets/{path.name}")
