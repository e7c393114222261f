"""Two simulated feeds, one real relay that is killed: each feed's record is what its simulator served."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.solo.simulator.options import SimulatorOptions
from shared.config.load import environment_of, foreign_environment
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store.database import Database, Statement
from tests.support.api import served
from tests.support.platform import ROOT, command
from tests.support.truth import compare, position
from tests.support.waiting import until

RATE = 60.0


class Said(Schema, frozen=True, kw_only=True):
    status: str


CLOSED = Statement("SELECT status FROM feed_report WHERE feed = %(feed)s AND status = 'paused'", Said)


@contextmanager
def process(arguments: list[str], log: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """``groundswell`` with ``arguments``; killed at the end."""
    environment = foreign_environment() | settings
    with log.open("a") as errors:
        running = subprocess.Popen(
            [*command(), *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        yield running
    finally:
        running.kill()
        running.wait(30)
        assert running.stdout
        running.stdout.close()


class Simulated:
    """A simulator as a process, whose stream can be made again."""

    def __init__(self, stack: ExitStack, seed: int, folder: Path) -> None:
        anchor = int(time.time() * 1e6) - 120_000_000
        self.options = SimulatorOptions(rate=RATE, seed=seed, anchor_us=anchor)
        words = ["--port", "0", "--rate", str(RATE), "--seed", str(seed), "--anchor", str(anchor)]
        started = stack.enter_context(process(["simulate", *words], folder / f"simulator-{seed}.log"))
        assert started.stdout
        self.url = started.stdout.readline().split()[-1]
        self.anchor_us = anchor

    def differences(self, database: Database, feed: str) -> Any:
        stream = self.options.stream(int(time.time() * 1e6))
        return compare(database, stream, self.anchor_us, feed)


class Journey:
    """The relay as a process, the API, and what a person does with them."""

    def __init__(self, stack: ExitStack, settings: Settings, database: Database, folder: Path) -> None:
        self._stack, self._settings, self._folder = stack, settings, folder
        self.database = database
        self.http = stack.enter_context(served(settings)).http
        until(lambda: self.http.get("/health/ready").status_code == 200)
        self.relay = self.start_relay()

    def start_relay(self) -> subprocess.Popen[str]:
        return self._stack.enter_context(
            process(["relay"], self._folder / "relay.log", **environment_of(self._settings))
        )

    def kill_relay(self) -> None:
        os.kill(self.relay.pid, signal.SIGKILL)
        self.relay.wait(30)
        self.relay = self.start_relay()

    def ask(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        answer: httpx.Response = self.http.request(method, f"/api/v1/feeds{path}", **given)
        assert answer.status_code == status, answer.text
        return answer.json()

    def feed(self, feed: str) -> Any:
        return self.ask("GET", f"/{feed}")

    def moves(self, feed: str) -> None:
        """Waits until more of ``feed`` is stored than is now."""
        before = position(self.database, feed)
        start = before.position if before else 0
        until(lambda: (now := position(self.database, feed)) is not None and now.position > start, 60, f"{feed} moves")

    def pause(self, feed: str) -> None:
        """Waits until nothing of ``feed`` is written any more."""
        self.ask("PATCH", f"/{feed}", json={"enabled": False})
        until(lambda: self.closed(feed), 60, f"{feed} closed")

    def closed(self, feed: str) -> bool:
        """The relay itself said that it has closed the feed."""
        return bool(self.database.fetch(CLOSED, {"feed": feed}))


@pytest.mark.timeout(400)
def test_a_second_feed_comes_pauses_and_goes_while_the_relay_is_killed(
    database: Database, postgres_url: str, valkey_url: str, tmp_path: Path
) -> None:
    folder = tmp_path
    with ExitStack() as stack:
        # given a relay with one feed
        first, second = Simulated(stack, 11, folder), Simulated(stack, 12, folder)
        settings = Settings(
            postgres_url=postgres_url,
            valkey_url=valkey_url,
            api_port=0,
            feed_url=first.url,
            feed_name="first",
            embedding_model="none",
            data_dir=str(folder),
        )
        journey = Journey(stack, settings, database, folder)
        journey.moves("first")
        # when a second one is added through the API, then it is read within seconds
        made = journey.ask("POST", "", 201, json={"id": "second", "kind": "jetstream", "url": second.url})
        assert (made["status"], made["managed"]) == ("starting", "operator")
        journey.moves("second")
        # and a kill of the relay stops neither for good
        journey.kill_relay()
        journey.moves("first")
        journey.moves("second")
        # paused, it stands still while the other moves; resumed, it goes on from there, through another kill
        journey.pause("second")
        stood = position(database, "second")
        journey.moves("first")
        assert position(database, "second") == stood
        journey.ask("PATCH", "/second", json={"enabled": True})
        journey.kill_relay()
        journey.moves("second")
        until(lambda: journey.feed("first")["status"] == journey.feed("second")["status"] == "live", 90)
        # then each one's record is what its simulator served, exactly
        for feed in ("first", "second"):
            journey.pause(feed)
        assert first.differences(database, "first").none
        assert second.differences(database, "second").none
        assert journey.ask("GET", "/first/gaps")["gaps"] == []
        # and when the second is removed, the first stays whole
        journey.ask("DELETE", "/second", 409)
        journey.ask("DELETE", "/second", 202, params={"posts": "delete"})
        until(lambda: journey.http.get("/api/v1/feeds/second").status_code == 404, 60)
        journey.ask("PATCH", "/first", json={"enabled": True})
        journey.moves("first")
        journey.pause("first")
        assert first.differences(database, "first").none
        assert journey.relay.poll() is None
