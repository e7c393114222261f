"""What a backup holds, so that a restore can be compared with it: written last, so that a backup with one is whole."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path

import msgspec

from shared.errors import InputError

NAME = "manifest.json"
FORMAT = 1
#: Names of whole backups: the time they show, by the database's clock.
WHOLE = re.compile(r"groundswell-(\d{8}T\d{6}Z)(-[a-z-]+)?")


class Held(msgspec.Struct, frozen=True):
    """A table: its rows, and the sum of a hash of each, which knows no order."""

    rows: int
    digest: str


class Part(msgspec.Struct, frozen=True):
    """A file of the backup, as it lies there."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``taken_at`` by the database's clock; ``recipient`` is whom it is encrypted for."""

    format: int = FORMAT
    version: str
    taken_at: datetime
    revision: int
    server: str
    recipient: str
    tables: dict[str, Held]
    parts: list[Part]
    seconds: float


def write(folder: Path, manifest: Manifest) -> None:
    """Into ``folder``."""
    (folder / NAME).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")


def read(folder: Path) -> Manifest:
    """The manifest of the backup in ``folder``. Raises InputError where there is none, or a newer one."""
    try:
        manifest = msgspec.json.decode((folder / NAME).read_bytes(), type=Manifest)
    except OSError as error:
        raise InputError(
            f"{folder} is no backup.", why=f"{NAME}: {error.strerror}.", do="See: groundswell backup list"
        ) from error
    except msgspec.DecodeError as error:
        raise InputError(f"The manifest of {folder} cannot be read.", why=f"{error}.") from error
    if manifest.format > FORMAT:
        raise InputError(f"{folder} was made by a newer version of Groundswell ({manifest.version}).")
    return manifest


def whole(folder: Path) -> list[Path]:
    """The whole backups in ``folder``, oldest first."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if WHOLE.fullmatch(path.name) and (path / NAME).is_file())
    return sorted(found, key=lambda path: path.name)


def part_of(path: Path) -> Part:
    """Name, size and checksum of a file."""
    with path.open("rb") as file:
        return Part(path.name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def check_parts(folder: Path, manifest: Manifest) -> None:
    """Raise InputError unless every file is there as it was written."""
    for part in manifest.parts:
        path = folder / part.name
        if not path.is_file():
            raise InputError(f"The backup {folder.name} is not whole.", why=f"{part.name} is missing.")
        if part_of(path) != part:
            raise InputError(
                f"The backup {folder.name} was damaged.", why=f"{part.name} is not as it was written (SHA-256)."
            )
