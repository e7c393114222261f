"""A client of a run's stream, as a browser is one, and runs whose steps a test writes as the workers do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
import msgspec

from shared.store import agent_steps, ledger, runs
from shared.store.database import Command, Database


class Event(msgspec.Struct, frozen=True):
    """One event; a comment has the name ""."""

    name: str
    data: Any
    id: str | None


class Listener:
    """Reads one stream, and remembers the last number like an ``EventSource``."""

    def __init__(self, response: httpx.Response) -> None:
        self._pieces = response.iter_bytes()
        self.last: str | None = None

    def __iter__(self) -> Iterator[Event]:
        """Events and comments until the server ends the stream."""
        fields: dict[str, str] = {}
        for line in self._lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "id" in fields:
                self.last = fields["id"]
            data = json.loads(fields["data"]) if "data" in fields else fields.get("")
            yield Event(fields.get("event", ""), data, fields.get("id"))
            fields = {}

    def _lines(self) -> Iterator[str]:
        rest = b""
        for piece in self._pieces:
            *whole, rest = (rest + piece).split(b"\r\n")
            yield from (line.decode() for line in whole)

    def until(self, name: str, **wanted: Any) -> list[Event]:
        """What comes up to an event with this name and these fields, that one last, comments left out."""
        heard: list[Event] = []
        for event in self:
            if event.name:
                heard.append(event)
            if event.name == name and wanted.items() <= (event.data or {}).items():
                return heard
        raise AssertionError(f"the stream ended before {name} {wanted}: {heard}")


@contextmanager
def listening(address: str, run: str, last: str | None = None, **headers: str) -> Iterator[Listener]:
    more = {"Last-Event-ID": last} if last is not None else {}
    with (
        httpx.Client(base_url=address, timeout=20, headers=headers | more) as client,
        client.stream("GET", f"/api/v1/runs/{run}/stream") as response,
    ):
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Listener(response)


class Worked:
    """A run of an agent, held by a worker that is this test."""

    def __init__(self, database: Database, question: str = "What about the bridge?") -> None:
        self._database = database
        row = {"agent": "scout", "question": question, "topic": "", "title": "Scout: bridge", "tainted": False}
        row |= {"request_id": None}
        made = database.fetch_one(runs.CREATE_AGENT, row)
        assert made is not None
        self.id = made.id
        self._epoch = 0

    def claim(self) -> None:
        """Take the run, from whomever."""
        self._database.execute(Command("UPDATE run SET lease_expires_at = NULL WHERE id = %(id)s"), {"id": self.id})
        [claimed] = self._database.fetch(ledger.CLAIM, {"run": UUID(self.id), "lease_seconds": 60})
        self._epoch = claimed.epoch

    def begin(self, seq: int, text: str = "x") -> None:
        about = {"run": self.id, "seq": seq, "name": f"{seq}-posts", "title": "Calling posts", "kind": "call"}
        about |= {"key": f"{self.id}-{seq}-{self._epoch}", "request_hash": b"h", "detail": None}
        self._database.execute(agent_steps.INTEND, {**about, "request": json.dumps({"text": text})})

    def end(self, seq: int, cost: int = 0) -> None:
        told = {"run": self.id, "seq": seq, "result": "{}", "detail": f"step {seq} is done", "cost": cost}
        assert self._database.execute(agent_steps.DONE, told) == 1

    def finish(self) -> None:
        held = {"run": self.id, "epoch": self._epoch, "report": None}
        assert self._database.execute(ledger.FINISH_RUN, held) == 1


def steps(events: list[Event]) -> list[tuple[int, str]]:
    """The number and status of each step told."""
    return [(event.data["n"], event.data["status"]) for event in events if event.name == "step"]
