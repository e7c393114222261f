"""The data folder: one owner at a time, and a clear word when it cannot be used."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from typing import IO

from shared.errors import ConfigurationError, ConflictError

#: Less free space than this and PostgreSQL would soon stop in the middle.
LEAST_FREE_BYTES = 512 * 1024 * 1024
ENGINE_USER = "groundswell"


class DataFolder:
    """Holds the folder's lock while open. Sub-folders are made on demand.

    The lock is the kernel's (flock): it vanishes with its holder, so it cannot go stale.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.path = path.expanduser().resolve()
        except (RuntimeError, OSError) as error:  # "~nobody-of-this-name", a loop of links
            raise _unusable(path, str(error)) from error
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Make and lock the folder. Raises ConfigurationError or ConflictError with a way out."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise _unusable(self.path, str(error)) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "unknown"
            self._lock.close()
            self._lock = None
            raise ConflictError(
                f"Groundswell already runs on {self.path} (process {holder}).",
                do="Use that one, stop it with Ctrl-C, or give another folder: make run DATA=/some/folder",
            ) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        try:
            self._check_space()
        except ConfigurationError:
            self.close()
            raise

    def close(self) -> None:
        """Give the lock back."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def sub(self, name: str) -> Path:
        """A sub-folder, made if absent."""
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return folder

    def remember(self, name: str, make: object) -> object:
        """A JSON value kept across starts under ``name``; ``make`` is stored the first time."""
        kept = self.path / f"{name}.json"
        if kept.exists():
            try:
                return json.loads(kept.read_text("utf-8"))
            except ValueError:
                kept.unlink()  # half-written by a crash before we wrote atomically
        fresh = kept.with_suffix(".new")
        fresh.write_text(json.dumps(make), "utf-8")
        fresh.replace(kept)
        return make

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < LEAST_FREE_BYTES:
            raise ConfigurationError(
                f"Only {free // 1_000_000} MB are free where {self.path} lies.",
                why=f"PostgreSQL needs {LEAST_FREE_BYTES // 1_000_000} MB to work with.",
                do="Free some space, or give a folder on another disk: make run DATA=/other/disk/groundswell",
            )


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The data folder {path} cannot be used.", why=why, do="Give another one: make run DATA=/some/folder"
    )


def engine_identity() -> tuple[int, int] | None:
    """User and group ids PostgreSQL is to run as, since it refuses root; ``None`` for ordinary users."""
    if os.geteuid() != 0:
        return None
    for attempt in (True, False):
        for name in (ENGINE_USER, *(() if attempt else ("nobody",))):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return entry.pw_uid, entry.pw_gid
        if attempt and (tool := shutil.which("useradd")):
            subprocess.run(
                [tool, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ENGINE_USER],
                check=False,
                capture_output=True,
            )
    raise ConfigurationError(
        "PostgreSQL refuses to run as root, and no other user could be made.",
        do="Run this as an ordinary user.",
    )


def reachable_by(path: Path, uid: int) -> bool:
    """Whether user ``uid`` may walk down to ``path`` (owner and "other" bits; groups are not asked).

    Folders that are still to be made do not stand in the way.
    """
    for folder in (path, *path.parents):
        if not folder.exists():
            continue
        status = folder.stat()
        needed = 0o100 if status.st_uid == uid else 0o001
        if not status.st_mode & needed:
            return False
    return True


def public_home(path: Path) -> Path:
    """Where engine files go when ``path`` is closed to the engine's user: stable for one ``path``."""
    return Path("/var/lib/groundswell") / hashlib.sha256(str(path).encode()).hexdigest()[:12]


def check_port(host: str, port: int) -> None:
    """Raise ConflictError when something listens on the port already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConflictError(
                f"Port {port} on {host} cannot be used.",
                why=f"The system says: {error.strerror}.",
                do=_another_port(port, taken=error.errno == errno.EADDRINUSE),
            ) from error


def _another_port(port: int, *, taken: bool) -> str:
    other = port + 1 if 1024 <= port < 65_535 else 8_421  # lower ones are for root alone
    return f"{'Stop that program, or take' if taken else 'Take'} another port: make run PORT={other}"


def free_port() -> int:
    """A loopback port nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
