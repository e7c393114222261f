"""The whole platform as a person starts it: a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from services.solo.engines import Postgres
from services.solo.folder import free_port
from services.solo.simulator.options import SimulatorOptions
from services.solo.simulator.stream import Stream
from shared.config.load import foreign_environment
from shared.config.settings import Settings
from shared.errors import DependencyError
from shared.store.database import Database

ROOT = Path(__file__).resolve().parents[2]
SEED, RATE, HISTORY_MINUTES = 7, 40.0, 30


class Platform:
    """A running ``groundswell up``. ``settings`` are environment variables of ours."""

    def __init__(self, data: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> None:
        self.data, self.port = data, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        with (data.parent / "up.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command(), "up", "--port", str(self.port), "--data", str(data), *stream_arguments(), *arguments],
                cwd=ROOT,
                env={**foreign_environment(), **(settings or {})},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert self.address in line, (data.parent / "up.log").read_text()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=20) as answer:
            return json.load(answer)

    def post(self, path: str, body: object) -> Any:
        request = urllib.request.Request(
            self.address + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def until(self, what: str, attempt: Callable[[], Any], seconds: float = 90) -> Any:
        """What ``attempt`` gives once it is true; errors of the network or the store count as not yet."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if found := attempt():
                    return found
            except (OSError, urllib.error.HTTPError, ValueError, DependencyError):
                pass
            assert self.process.poll() is None, (self.data.parent / "up.log").read_text()
            assert time.monotonic() < deadline, f"no {what} in {seconds} s"
            time.sleep(0.1)

    def child(self, name: str) -> psutil.Process:
        """The child that does ``name``."""
        words = {"postgres": "postgres -D", "valkey": "valkey-server", "simulator": "main simulate"}
        wanted = words.get(name, f"main {name}")
        for child in psutil.Process(self.process.pid).children():
            if wanted in " ".join(child.cmdline()).replace("services.cli.main", "main"):
                return child
        raise LookupError(name)

    def kill(self, name: str) -> None:
        """SIGKILL the child and wait until another one has taken its place."""
        victim = self.child(name)
        os.kill(victim.pid, signal.SIGKILL)

        def replaced() -> bool:
            try:
                return self.child(name).pid != victim.pid
            except (LookupError, psutil.Error):
                return False

        self.until(f"new {name}", replaced)

    def stream(self) -> Stream:
        """The simulator's stream, made again from its anchor."""
        anchor = json.loads((self.data / "simulator.json").read_text())["anchor_us"]
        return SimulatorOptions(rate=RATE, seed=SEED, anchor_us=anchor).stream(int(time.time() * 1e6))

    @contextmanager
    def database(self) -> Iterator[Database]:
        url = Postgres(self.data, foreign_environment()).url
        database = Database(Settings(postgres_url=url), name="test", size=2)
        database.open()
        try:
            yield database
        finally:
            database.close()

    @contextmanager
    def relay_held(self) -> Iterator[None]:
        """Nothing new is committed meanwhile."""
        relay = self.child("relay")
        relay.suspend()
        time.sleep(0.5)  # a commit that was under way ends on the server's side
        try:
            yield
        finally:
            relay.resume()

    def stop(self) -> int:
        """As Ctrl-C does; the exit code."""
        return self.end(signal.SIGINT)

    def end(self, number: signal.Signals) -> int:
        """Send the supervisor a signal and wait for its end; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout
        self.process.stdout.close()
        return code


def command() -> list[str]:
    return [sys.executable, "-m", "services.cli.main"]


def stream_arguments() -> list[str]:
    return ["--rate", str(RATE), "--seed", str(SEED), "--history-minutes", str(HISTORY_MINUTES)]
