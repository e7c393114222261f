"""One supervised child process: its start, its last words, its restarts and its end."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import logging
import logging.handlers
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

import msgspec

from shared.errors import InputError

ChildState = Literal["starting", "running", "restarting", "stopped"]

#: Lines of output kept for the error message.
LAST_LINES = 40
LOG_BYTES, LOG_FILES = 5_000_000, 3
FIRST_BACKOFF_SECONDS, MOST_BACKOFF_SECONDS = 0.25, 30.0
#: How long the last lines of a dead child are waited for.
LAST_WORDS_SECONDS = 1.0
#: A child that ran so long is taken as healthy again: its backoff starts anew.
STEADY_SECONDS = 30.0
#: An empty value is skipped by the ready check; a child is then "running" as soon as it lives.
ReadyCheck = Callable[[], bool]


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How to run one child. ``uid``/``gid`` are set when it must not run as root."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    ready: ReadyCheck
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 12.0
    #: Nothing else relies on it, so it need not outlive any other child.
    leaf: bool = False
    #: Its work has an end: once it ended well, or can do nothing with what it was given, it is not started again.
    once: bool = False
    uid: int | None = None
    gid: int | None = None


class Child:
    """A running ``ChildSpec``. ``poll`` is called from the supervisor's loop; nothing here blocks."""

    def __init__(self, spec: ChildSpec, log_folder: Path) -> None:
        self.spec = spec
        self.state: ChildState = "stopped"
        self.restarts = 0
        self.last_exit: int | None = None
        self._lines: collections.deque[str] = collections.deque(maxlen=LAST_LINES)
        self._log = _log_file(spec.name, log_folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._backoff = FIRST_BACKOFF_SECONDS
        self._started_at = self._restart_at = 0.0

    @property
    def pid(self) -> int | None:
        """Process id while it lives."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def last_lines(self) -> list[str]:
        """The last lines it wrote, oldest first, at most LAST_LINES, over all its restarts."""
        return list(self._lines)

    def start(self) -> None:
        """Start the process. Must be called from the main thread (see ``_die_with_parent``)."""
        self.state = "starting"
        self._started_at = time.monotonic()
        # Given only when set: CPython asks for root merely to set an empty list of groups.
        identity: dict[str, object] = (
            {} if self.spec.uid is None else {"user": self.spec.uid, "group": self.spec.gid, "extra_groups": []}
        )
        self._process = subprocess.Popen(  # type: ignore[call-overload]
            self.spec.argv,
            env=dict(self.spec.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on, in order
            preexec_fn=_die_with_parent(self.spec.stop_signal),  # noqa: PLW1509 - no threads hold locks here
            **identity,
        )
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name=f"log-{self.spec.name}", daemon=True
        )
        self._reader.start()

    def poll(self) -> bool:
        """Look after the child: notice readiness and death, restart when its pause is over.

        True when the state changed.
        """
        before = self.state
        now = time.monotonic()
        if self.state == "restarting":
            if now >= self._restart_at:
                self.restarts += 1
                self.start()
        elif self.state in ("starting", "running"):
            code = self._process.poll() if self._process else 0
            if code is not None:
                self._died(code, now)
            elif self.state == "starting" and self.spec.ready():
                self.state = "running"
            elif self.state == "running" and now - self._started_at > STEADY_SECONDS:
                self._backoff = FIRST_BACKOFF_SECONDS
        return self.state != before

    def ask_to_stop(self) -> None:
        """Send the stop signal, once; does not wait."""
        self.state = "stopped"
        if self._process and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self.spec.stop_signal)

    def wait_stopped(self) -> bool:
        """Wait for the end, then kill what is left. True when it ended by itself."""
        clean = True
        if self._process:
            try:
                self._process.wait(self.spec.stop_seconds)
            except subprocess.TimeoutExpired:
                clean = False
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        if self._reader:
            self._reader.join(timeout=2)
        for handler in self._log.handlers:
            handler.close()
        return clean

    def _died(self, code: int, now: float) -> None:
        self.last_exit = code
        if self._reader:  # what it said last says why; a grandchild may hold the line open
            self._reader.join(timeout=LAST_WORDS_SECONDS)
        if self.spec.once and code in (0, InputError.exit_code):  # what it was given stays what it is
            self.state = "stopped"
            return
        self.state = "restarting"
        self._restart_at = now + self._backoff
        self._backoff = min(self._backoff * 2, MOST_BACKOFF_SECONDS)

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip()
                self._lines.append(line)
                self._log.info(line)


class _LogFile(logging.handlers.RotatingFileHandler):
    """On a full disk lines are lost, without a stack trace each: the last ones are kept in memory."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


def _log_file(name: str, folder: Path) -> logging.Logger:
    """A rotating file of its own, so that months of output stay within LOG_BYTES x LOG_FILES."""
    log = logging.Logger(f"child.{name}")
    handler = _LogFile(folder / f"{name}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(handler)
    return log


def _die_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """Make the kernel stop the child when its supervisor is killed outright (Linux only).

    The signal follows the death of the parent's *thread*, hence the rule on ``start``.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare() -> None:
        libc.prctl(1, int(stop_signal))  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def service_argv(*arguments: str) -> tuple[str, ...]:
    """Command line that runs one of our own units with this interpreter."""
    return (sys.executable, "-m", "services.cli.main", *arguments)


def port_answers(host: str, port: int) -> ReadyCheck:
    """Ready when something listens."""
    import socket

    def check() -> bool:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=0.2):
            return True
        return False

    return check


def last_words(child: Child, count: int = 12) -> Sequence[str]:
    """What to show a person about a child that will not stay up."""
    return child.last_lines[-count:] or ["(it wrote nothing)"]
