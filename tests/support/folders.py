"""Folders for the data of engines that live as long as a test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")
_LEAST_FREE_BYTES = 4 << 30


@contextmanager
def disk_folder() -> Iterator[Path]:
    """A folder that PostgreSQL can live in. Pytest's own is closed to the user that it runs as under root."""
    with _folder(None) as folder:
        yield folder


@contextmanager
def engine_folder() -> Iterator[Path]:
    """The same, in memory where there is plenty.

    A database made and dropped costs 0.2 s of the kernel's time on a disk and 0.03 s in memory, for every test. What
    tests do to engines is killing processes, which loses nothing of a file in memory either.
    """
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _LEAST_FREE_BYTES
    with _folder(_MEMORY if roomy else None) as folder:
        yield folder


@contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="groundswell-test-", dir=parent) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
