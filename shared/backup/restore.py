"""Puts a backup back. It is restored beside the present record, compared with what was written down when it was
taken, and searched; only then, if at all, does it take the other's place, by renames that can be taken back.
"""

from __future__ import annotations

import secrets
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shared.backup import manifest as manifests
from shared.backup import tools
from shared.backup.key import SUFFIX, Key
from shared.backup.manifest import Manifest
from shared.backup.take import FILES, RECORD, Progress
from shared.config.settings import Settings
from shared.errors import ConflictError, GroundswellError, InputError
from shared.features.query import read
from shared.schemas.base import Schema
from shared.store import contents, search
from shared.store.database import Command, Database, Statement
from shared.store.migrate import migrate, migrations

#: Connected to while databases are renamed.
OTHER = "template1"
#: Posts that the trial search may be about.
TRIED_POSTS = 20


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was put back and compared."""

    tables: int
    rows: int
    searched: str | None
    seconds: float


class _Sample(Schema, frozen=True, kw_only=True):
    id: str
    text: str


_SAMPLES = Statement(
    "SELECT id::text AS id, text FROM every_post WHERE deleted_at IS NULL ORDER BY event_time DESC LIMIT %(limit)s",
    _Sample,
)


def verify(settings: Settings, folder: Path, key: Key, progress: Progress = lambda _: None) -> Restored:
    """Restore the backup ``folder`` beside the record, compare, search, and remove it again.

    Raises InputError for a backup that is damaged or differs, StoreUnavailable, DependencyError.
    """
    with _beside(settings, folder, key, progress) as (_, restored):
        return restored


def restore(
    settings: Settings, folder: Path, key: Key, progress: Progress = lambda _: None, *, up_to_date: bool = True
) -> Restored:
    """Put the backup ``folder`` in place of the record. On any failure the record is what it was.

    Its schema is migrated unless ``up_to_date`` is false: whoever goes back from a failed migration must not repeat it.

    Raises as ``verify``, and ConflictError while somebody uses the record.
    """
    name = tools.database_of(settings.postgres_url)
    with _beside(settings, folder, key, progress) as (scratch, restored):
        check_alone(settings)
        progress("Putting it in place")
        before = f"{name[:40]}_before_restore"
        with _opened(settings, OTHER) as server:
            server.execute_alone(contents.rename(name, before))
            try:
                server.execute_alone(contents.rename(scratch, name))
                try:
                    if up_to_date:
                        with _opened(settings, name) as database:
                            migrate(database)
                except BaseException:
                    server.execute_alone(contents.rename(name, scratch))
                    raise
            except BaseException:
                server.execute_alone(contents.rename(before, name))
                raise
            server.execute_alone(Command(f'DROP DATABASE "{before}" WITH (FORCE)'))
        _put_files(settings, folder, key)
        _put_vectors(settings, folder, key)
    return restored


@contextmanager
def _beside(settings: Settings, folder: Path, key: Key, progress: Progress) -> Iterator[tuple[str, Restored]]:
    """The backup as a database of its own, compared and searched; gone afterwards unless it was renamed."""
    begun = time.monotonic()
    progress("Checking the backup's files")
    manifest = manifests.read(folder)
    if manifest.revision > len(migrations()):
        raise InputError(
            f"{folder.name} belongs to a newer version of Groundswell.",
            why=f"Its schema is at revision {manifest.revision}, this version knows {len(migrations())}.",
            do=f"Install version {manifest.version} or newer.",
        )
    manifests.check_parts(folder, manifest)
    scratch = f"groundswell_restore_{secrets.token_hex(6)}"
    with _opened(settings, OTHER) as server:
        server.execute_alone(contents.make(scratch))
        try:
            with _decrypted(folder, RECORD, key) as dump:
                progress("Restoring the record beside the present one")
                tools.run(
                    "pg_restore",
                    tools.with_database(settings.postgres_url, scratch),
                    ["--no-owner", "--no-privileges", "--exit-on-error", "--jobs=2", str(dump)],
                )
            with _opened(settings, scratch) as database:
                progress("Comparing it with what was written down")
                _compare(database, manifest, folder.name)
                searched = search_trial(database)
            rows = sum(held.rows for held in manifest.tables.values())
            seconds = round(time.monotonic() - begun, 3)
            yield scratch, Restored(tables=len(manifest.tables), rows=rows, searched=searched, seconds=seconds)
        finally:
            server.execute_alone(contents.drop(scratch))


def _compare(database: Database, manifest: Manifest, name: str) -> None:
    with database.transaction() as transaction:
        transaction.execute(contents.STEADY)
        transaction.execute(contents.PATIENT)
        found = contents.contents(transaction)
    for table in sorted(manifest.tables.keys() | found.keys()):
        wanted, held = manifest.tables.get(table), found.get(table)
        if wanted is None or held is None or (wanted.rows, wanted.digest) != (held.rows, held.digest):
            counted = f"{held.rows if held else 'none'} instead of {wanted.rows if wanted else 'none'}"
            raise InputError(
                f"The backup {name} does not restore to what was backed up.", why=f"Rows of {table}: {counted}."
            )


def search_trial(database: Database) -> str | None:
    """The words of a real search that found a post it had to find; ``None`` where there are no posts."""
    samples = database.fetch(_SAMPLES, {"limit": TRIED_POSTS})
    for sample in samples:
        words = read(" ".join(sample.text.split()[:3])).wanted
        if not words:
            continue
        where = search.Condition()
        found = database.fetch(search.ranked(where, words), where.params | {"limit": search.RANKED_POSTS})
        if any(str(post.id) == sample.id for post in found):
            return " ".join(sample.text.split()[:3])
    if samples:
        raise InputError("A search over the restored posts found none of those it was made from.")
    return None


def check_alone(settings: Settings) -> None:
    """Raise ConflictError while somebody uses the record."""
    with _opened(settings, tools.database_of(settings.postgres_url)) as database:
        others = database.fetch(contents.OTHERS)[0]
    if others.count:
        raise ConflictError(
            "The record is in use.",
            why=f"{others.count} connections are open ({others.names}).",
            do="Stop Groundswell first; a restore replaces the record.",
        )


def _put_files(settings: Settings, folder: Path, key: Key) -> None:
    """Secrets of feeds that are missing here. What is there stays: it may be newer."""
    target = Path(settings.secrets_dir) if settings.secrets_dir else Path(settings.data_dir) / "secrets"
    with _decrypted(folder, FILES, key) as plain, tarfile.open(plain) as archive:
        for member in archive.getmembers():
            name = Path(member.name).name
            if not member.isfile() or member.name != f"secrets/{name}" or (target / name).exists():
                continue
            target.mkdir(parents=True, exist_ok=True, mode=0o700)
            source = archive.extractfile(member)
            path = target / name
            path.touch(mode=0o600)
            path.write_bytes(source.read() if source else b"")


def _put_vectors(settings: Settings, folder: Path, key: Key) -> None:
    """Collections of a Qdrant, where the backup has them and this installation uses one."""
    if settings.vector_backend != "qdrant":
        return
    from shared.vectors.qdrant_snapshots import Snapshots

    snapshots = Snapshots(settings.qdrant_url, settings.qdrant_api_key)
    try:
        for path in sorted(folder.glob(f"*.snapshot{SUFFIX}")):
            with _decrypted(folder, path.name.removesuffix(SUFFIX), key) as plain:
                snapshots.restore(plain)
    except GroundswellError as error:
        raise InputError(
            "The record was restored; its vectors were not.",
            why=str(error),
            do="Run `groundswell vectors repair`: they are made anew from the posts.",
        ) from error
    finally:
        snapshots.close()


@contextmanager
def _decrypted(folder: Path, name: str, key: Key) -> Iterator[Path]:
    """A file of the backup, readable, under its name, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=folder.parent) as place:
        plain = Path(place) / name
        plain.touch(mode=0o600)
        key.decrypt(folder / (name + SUFFIX), plain)
        yield plain


@contextmanager
def _opened(settings: Settings, name: str) -> Iterator[Database]:
    there = msgspec.structs.replace(settings, postgres_url=tools.with_database(settings.postgres_url, name))
    database = Database(there, name="restore", size=1)
    database.open()
    try:
        yield database
    finally:
        database.close()


def left(folder: Path) -> None:
    """Remove what restores left in ``folder`` that did not end."""
    for path in folder.glob(".restore-*"):
        shutil.rmtree(path, ignore_errors=True)
