"""The product's own processes on the engines it brings: PostgreSQL and Valkey, a feed, relay and API.

PostgreSQL runs with the settings of ``make run`` and keeps each transaction's commit time, so that how
fresh a row was is read from the database itself and not from what the relay says.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psycopg

from bench.contestants.measure import memory_mb
from services.solo.children import Child, ChildSpec, last_words, service_argv
from services.solo.engines import Postgres, Valkey
from services.solo.folder import free_port
from shared.config.load import foreign_environment
from shared.config.settings import Settings
from shared.store.database import Database
from shared.store.migrate import migrate

FEED = "bench"
_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """One of our units, started with ``settings`` as its environment."""

    def __init__(self, name: str, settings: dict[str, object], log: Path) -> None:
        self._log = log
        given = {f"GROUNDSWELL_{key.upper()}": str(value) for key, value in settings.items()}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                service_argv(name), env={**foreign_environment(), **given}, stdout=output, stderr=subprocess.STDOUT
            )

    def cpu_seconds(self) -> float:
        """Used so far, all threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self, line: str = "VmHWM") -> float:
        """The most it held so far, with ``VmRSS`` what it holds now."""
        return memory_mb(self._process.pid, line)

    def until(self, what: str, attempt: Callable[[], object], seconds: float) -> None:
        """Wait for ``attempt`` to be true. RuntimeError when the unit ends or time is up."""
        deadline = time.monotonic() + seconds
        while not attempt():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"No {what}. The last words of the unit:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """As an operator would."""
        self._process.terminate()
        self._process.wait(30)


class Stack:
    """What runs on one PostgreSQL and one Valkey."""

    def __init__(self, folder: Path, postgres_url: str, valkey_url: str) -> None:
        self._folder, self.url, self._valkey_url = folder, postgres_url, valkey_url

    @contextlib.contextmanager
    def feed(self, path: Path, rate: float, backlog_seconds: float) -> Iterator[str]:
        """``bench.feed`` in a process of its own; its address."""
        command = [sys.executable, "-m", "bench.feed", str(path), str(rate), str(backlog_seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                yield f"ws://127.0.0.1:{process.stdout.readline().strip()}/subscribe"
            finally:
                process.kill()

    @contextlib.contextmanager
    def unit(self, name: str, **settings: object) -> Iterator[Process]:
        """The relay or the API with ``settings`` beside those of this stack."""
        common = {"postgres_url": self.url, "valkey_url": self._valkey_url, "data_dir": self._folder / "data"}
        port = {f"{name}_metrics_port": free_port()}
        process = Process(name, {**common, **port, **settings}, self._folder / f"{name}.log")
        try:
            yield process
        finally:
            process.stop()

    def row(self, sql: str, **values: object) -> tuple[float, ...]:
        """One row of numbers, null as 0."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return tuple(float(value or 0) for value in connection.execute(sql, values).fetchone() or ())

    def lag_seconds(self) -> float:
        """How far the feed's cursor is behind the clock."""
        return self.row("SELECT extract(epoch FROM now() - event_time) FROM feed_cursor")[0]


class Freshness(msgspec.Struct, frozen=True):
    """Seconds from an event's own time, when it was due to be sent, to its commit."""

    events: int
    p50: float
    p99: float
    most: float


#: Reactions: most of all events, in the transactions that posts are in, and no later statement moves their
#: rows to another transaction, as a like does to a post.
_COMMITTED = """
    SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY late),
           percentile_cont(0.99) WITHIN GROUP (ORDER BY late), max(late)
      FROM (SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - event_time) AS late FROM reaction
             WHERE NOT deleted AND event_time > to_timestamp(%(after)s)) AS commits"""


def freshness(stack: Stack, after: float) -> Freshness:
    """How late events after ``after`` (seconds since 1970) were committed."""
    count, p50, p99, most = stack.row(_COMMITTED, after=after)
    return Freshness(int(count), p50, p99, most)


@contextlib.contextmanager
def stack() -> Iterator[Stack]:
    """Engines in a temporary folder, with the schema."""
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        environment = foreign_environment()
        postgres, valkey = Postgres(folder, environment), Valkey(folder, environment)
        postgres.prepare()
        valkey.prepare()
        spec = postgres.spec()
        spec = msgspec.structs.replace(spec, argv=(*spec.argv, "-c", "track_commit_timestamp=on"))
        with _running(spec, folder), _running(valkey.spec(), folder):
            database = Database(Settings(postgres_url=postgres.url), name="bench", size=1)
            database.open()
            migrate(database)
            database.close()
            yield Stack(folder, postgres.url, valkey.url)


@contextlib.contextmanager
def _running(spec: ChildSpec, folder: Path) -> Iterator[None]:
    child = Child(spec, folder)
    child.start()
    try:
        deadline = time.monotonic() + 60
        while child.state != "running":
            if child.state == "restarting" or time.monotonic() > deadline:
                raise RuntimeError("\n".join(last_words(child)))
            child.poll()
            time.sleep(0.05)
        yield
    finally:
        child.ask_to_stop()
        child.wait_stopped()
