"""A run's stream while its workers are killed: processes that end by SIGKILL, a client that is cut and goes on."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store.database import Database, Statement
from tests.integration.worker.agents.test_runs import ended, events
from tests.integration.worker.pipelines.test_shipped import start
from tests.support.agents import as_id, model_settings
from tests.support.api import Served
from tests.support.fake_llm import Fake
from tests.support.pipelines import casts, chains, post_ids, store_weeks
from tests.support.run_stream import Event, listening
from tests.support.runs import reports, run_row
from tests.support.waiting import until

#: Where each worker ends; the last one ends by itself. An agent's steps done and its stage not, a stage just begun,
#: a report about to be stored.
HALTS = ("scout:worked", "write:begun", "render:worked", "none")


class Change(Schema, frozen=True, kw_only=True):
    seq: int
    last: int


CHANGES = Statement("SELECT seq, max(n) AS last FROM run_change WHERE run = %(run)s GROUP BY seq", Change)


class Client(threading.Thread):
    """Follows one run to its end. It loses its connection again and again, and goes on behind the last number."""

    def __init__(self, address: str, run: str) -> None:
        super().__init__(daemon=True)
        self._address, self._run, self._chance = address, run, random.Random(7)
        self.heard: list[Event] = []
        self.connections, self.last = 0, None

    def run(self) -> None:
        while not (self.heard and self.heard[-1].name == "end"):
            self.connections += 1
            try:
                with listening(self._address, self._run, self.last) as page:
                    left = self._chance.randint(1, 6)
                    for event in page:
                        if event.name:
                            self.heard.append(event)
                            self.last = event.id or self.last
                            left -= 1
                        if not left:
                            break
            except httpx.HTTPError:
                continue

    def told(self, name: str) -> str:
        """What was last heard of the step."""
        return next((e.data["status"] for e in reversed(self.heard) if e.name == "step" and e.data["name"] == name), "")


def test_over_dead_workers_and_cut_connections_each_change_is_told_once_and_none_is_lost(
    api: Served, settings: Settings, database: Database, fake: Fake, tmp_path: Path
) -> None:
    store_weeks(database)
    [post] = post_ids(database, "Engineers on the harbour bridge")
    fake.control(casts=casts(post))
    with chains(settings, database, model=False):
        pass  # tells of the pipelines
    more = model_settings(tmp_path, fake.url) | {"agents_api_url": api.url}
    run = start(api, database, "daily-briefing")
    client = Client(api.url, run["id"])
    client.start()
    for number, point in enumerate(HALTS):
        journal = tmp_path / f"{number}"
        words = [settings.postgres_url, settings.valkey_url, point, str(journal), json.dumps(more)]
        worker = subprocess.Popen([sys.executable, "-m", "tests.support.worker_process", *words])
        try:
            if point == "none":
                until(lambda: not client.is_alive(), 120, "the end of the stream")
            else:
                until(lambda: journal.exists() and "halted" in journal.read_text(), 120, point)  # noqa: B023 - used at once
                # it is seen at work in the very stage in which it dies
                until(lambda: client.told(point.partition(":")[0]) == "running", what=point)  # noqa: B023
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait(20)
    heard = [event for event in client.heard if event.id]
    # told once each, in order, over all of the connections
    numbers = [int(event.id or 0) for event in heard]
    assert numbers == sorted(set(numbers))
    assert client.connections > len(HALTS)
    # none lost: of every step its last change, and the step as it is in the record
    assert {event.data["n"]: int(event.id or 0) for event in heard} == {
        row.seq: row.last for row in database.fetch(CHANGES, {"run": run["id"]})
    }
    known = {event.data["n"]: event.data for event in heard}
    assert [known[step["n"]] for step in events(api, run)] == events(api, run)
    # no step goes back once it is done, and none is done that another worker did before
    order: dict[str, list[str]] = {}
    for event in heard:
        order.setdefault(event.data["name"], []).append(event.data["status"])
    assert all(told.count("done") == 1 and told[-1] == "done" for told in order.values()), order
    # the run as a whole: taken over three times, done once
    states = [event.data for event in client.heard if event.name == "run"]
    assert sorted({state["attempts"] for state in states} - {0}) == [1, 2, 3, 4]
    ends: list[Any] = [event.data for event in client.heard if event.name == "end"]
    assert [(end["status"], end["report"]) for end in ends] == [("done", ended(api, run)["report"])]
    assert len(reports(database, as_id(run))) == 1
    assert run_row(database, as_id(run)).spend_nano_usd == fake.bill > 0
