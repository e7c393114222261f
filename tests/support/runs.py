"""Asking for briefings and waiting for them, as the API would."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from services.worker.entry import run as run_worker
from services.worker.timings import Timings
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store import ledger
from shared.store.database import Command, Database, Statement

QUICK = Timings(
    lease_seconds=1.5,
    renew_seconds=0.3,
    dispatch_seconds=0.05,
    reap_seconds=0.2,
    deliver_seconds=0.05,
    lost_seconds=0.5,
    waiting_seconds=1.0,
    heartbeat_milliseconds=2000,
    drain_seconds=4.0,
    most_backoff_seconds=0.5,
)


class Asked(Schema, frozen=True, kw_only=True):
    run: UUID


class ReportRow(Schema, frozen=True, kw_only=True):
    id: UUID
    body: dict[str, Any]
    markdown: str
    pdf: bytes | None
    pdf_reason: str | None


_ASK = Statement(
    """WITH asked AS (
         INSERT INTO run (kind, topic, title) VALUES ('briefing', %(topic)s, 'Briefing') RETURNING id),
       job AS (INSERT INTO outbox (actor, queue, args)
               SELECT 'run_briefing', 'interactive', jsonb_build_object('run_id', id::text) FROM asked)
       SELECT id AS run FROM asked""",
    Asked,
)
_REPORTS = Statement("SELECT id, body, markdown, pdf, pdf_reason FROM report WHERE run = %(run)s", ReportRow)


def ask(database: Database, topic: str) -> UUID:
    """A queued run with its job in the outbox."""
    return database.fetch(_ASK, {"topic": topic})[0].run


def run_row(database: Database, run: UUID) -> ledger.RunRow:
    return database.fetch(ledger.RUN, {"run": run})[0]


def reports(database: Database, run: UUID) -> list[ReportRow]:
    return database.fetch(_REPORTS, {"run": run})


def wait_for(what: Callable[[], object], seconds: float = 40) -> None:
    """Until ``what()`` is true; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def wait_for_end(database: Database, run: UUID) -> ledger.RunRow:
    """The run once it is done or failed."""
    wait_for(lambda: run_row(database, run).status in ("done", "failed"))
    return run_row(database, run)


@contextmanager
def worker_thread(postgres_url: str, valkey_url: str, **settings: Any) -> Iterator[threading.Event]:
    """A worker in a thread of this process, stopped at the end."""
    stop = threading.Event()
    codes: list[int] = []
    made = Settings(postgres_url=postgres_url, valkey_url=valkey_url, **settings)
    thread = threading.Thread(target=lambda: codes.append(run_worker(made, stop, timings=QUICK)))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(timeout=20)
    assert codes == [0]


def empty_outbox(database: Database) -> None:
    database.execute(Command("DELETE FROM outbox"))
