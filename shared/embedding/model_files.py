"""Built graphs on disk, so that a later start maps them instead of building them.

One folder for each form of a model's graph, its version in its name, written beside its place and renamed into
it when complete. Whoever builds or reads holds a file lock, so that processes that start together build
once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shared.telemetry import logs

#: Raise it when a graph changes.
_GRAPH_VERSION = 2
_MANIFEST = "manifest.json"

_log = logs.get(__name__)


class Form(msgspec.Struct, frozen=True):
    """``name`` tells the form of a graph from others, ``version`` one state of it from older ones.

    ``write`` puts its files into a folder; it raises OSError when the disk does not take them.
    """

    name: str
    version: tuple[str, ...]
    write: Callable[[Path], None]


def files_of(form: Form, cache_dir: Path) -> Path:
    """The folder with the files of ``form``: a sound copy if one lies there, else built now.

    Raises OSError where the folder cannot be written.
    """
    cache_dir.mkdir(parents=True, exist_ok=True)
    with _lock(cache_dir):
        folder = cache_dir / f"{form.name}-{_digest_of(form)}"
        if not _sound(folder):
            _remove_all(cache_dir, form.name)
            _build(form, folder)
        return folder


def _digest_of(form: Form) -> str:
    return hashlib.blake2b(repr((_GRAPH_VERSION, *form.version)).encode(), digest_size=6).hexdigest()


@contextmanager
def _lock(cache_dir: Path) -> Iterator[None]:
    """Held by one process at a time; the system releases it when the process ends, however it ends."""
    with (cache_dir / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sound(folder: Path) -> bool:
    """Whether the folder is complete and every byte is what was written."""
    try:
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=dict[str, str])
        return bool(manifest) and all(_digest(folder / name) == digest for name, digest in manifest.items())
    except (OSError, msgspec.DecodeError):
        return False


def _remove_all(cache_dir: Path, form: str) -> None:
    """Damaged copies, other versions and what a killed build left; whoever has one mapped keeps it."""
    for old in cache_dir.glob(f"{form}-*"):
        shutil.rmtree(old, ignore_errors=True)


def _build(form: Form, folder: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    try:
        form.write(work)
        manifest = {file.name: _digest(file) for file in sorted(work.iterdir())}
        (work / _MANIFEST).write_bytes(msgspec.json.encode(manifest))
        for file in work.iterdir():
            _sync(file)
        _sync(work)
        work.rename(folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    _log.info("embedding_model_built", folder=str(folder))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
