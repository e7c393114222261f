"""A run that survives its worker: claimed with a lease, every step recorded, every write fenced.

A step's effect on our own database and its mark "done" share one transaction, so that the effect
happens exactly once however often workers die. See ``shared.store.ledger`` for the statements.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from services.worker import metrics
from services.worker.timings import Timings
from shared.contracts.jobs import Job
from shared.errors import DependencyError, FencedError, GroundswellError
from shared.schemas.base import Schema
from shared.store import ledger, outbox_take
from shared.store.database import Database, Transaction
from shared.telemetry import logs

T = TypeVar("T", bound=Schema)
#: Tells everyone that a run moved on. Must not raise.
Announce = Callable[[UUID], None]


class Interrupted(GroundswellError):
    """The worker stops: the run was given back and goes on elsewhere."""


class Parked(GroundswellError):
    """The run waits for a person: it was put aside, and goes on when there is an answer."""


class Planned(msgspec.Struct, frozen=True):
    """A step by name, with its title for people."""

    name: str
    title: str


class Produced(msgspec.Struct, Generic[T], frozen=True):
    """What a step made. ``effect`` runs in the transaction that marks the step done."""

    result: T
    detail: str | None = None
    effect: Callable[[Transaction], None] | None = None


class DurableRun:
    """A claimed run. Use as a context: its lease is renewed while inside."""

    def __init__(
        self,
        database: Database,
        claimed: ledger.Claimed,
        timings: Timings,
        announce: Announce,
        stopping: threading.Event,
    ) -> None:
        self.claimed = claimed
        self._database, self._timings, self._announce, self._stopping = database, timings, announce, stopping
        self._fence = {"run": claimed.run, "epoch": claimed.epoch}
        self._done: dict[str, ledger.StepRow] = {}
        self._left = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name=f"lease-{claimed.run}", daemon=True)

    def __enter__(self) -> DurableRun:
        self._renewer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._left.set()
        self._renewer.join(timeout=self._timings.renew_seconds)

    def plan(self, steps: Sequence[Planned], apart: int = 1) -> None:
        """Write down all steps, unless an earlier attempt did, and learn which are done.

        ``apart`` leaves room in the order for what happens within each.
        """
        with self._database.transaction() as transaction:
            self._hold(transaction)
            for number, step in enumerate(steps):
                row = {"run": self.claimed.run, "seq": number * apart, "name": step.name, "title": step.title}
                transaction.execute(ledger.PLAN_STEP, row)
            rows = transaction.fetch(ledger.STEPS, self._fence)
        self._done = {row.name: row for row in rows if row.status == "done"}
        self._announce(self.claimed.run)

    def step(self, name: str, result: type[T], work: Callable[[], Produced[T]]) -> T:
        """The step's result: kept from an earlier attempt, or worked out and kept now.

        Raises FencedError when another worker has the run, Interrupted when this one stops.
        """
        if row := self._done.get(name):
            return msgspec.convert(row.result, result)
        self.check_stopping()
        at = {**self._fence, "name": name}
        with self._database.transaction() as transaction:
            self._hold(transaction)
            transaction.execute(ledger.BEGIN_STEP, at)
        self._announce(self.claimed.run)
        started = time.monotonic()
        produced = work()
        kept = {"result": msgspec.json.encode(produced.result).decode(), "detail": produced.detail}
        with self._database.transaction() as transaction:
            self._hold(transaction)
            if transaction.execute(ledger.FINISH_STEP, {**at, **kept}) != 1:
                raise FencedError("Another worker finished this step.")
            if produced.effect:
                produced.effect(transaction)
        metrics.STEP_SECONDS.labels(name).observe(time.monotonic() - started)
        self._announce(self.claimed.run)
        return produced.result

    @contextmanager
    def held(self) -> Iterator[Transaction]:
        """A transaction in which the run is ours. Raises FencedError: also for a run that was cancelled."""
        with self._database.transaction() as transaction:
            self._hold(transaction)
            yield transaction

    def check_stopping(self) -> None:
        """Raise Interrupted when the worker stops: between steps."""
        if self._stopping.is_set():
            raise Interrupted("The worker stops.")

    def announce(self) -> None:
        """Tell everyone that the run moved on."""
        self._announce(self.claimed.run)

    def finish(self, report: UUID | None) -> None:
        """Mark the run done. Raises FencedError."""
        with self._database.transaction() as transaction:
            self._fenced(transaction.execute(ledger.FINISH_RUN, {**self._fence, "report": report}))
        self._announce(self.claimed.run)

    def fail(self, reason: str) -> None:
        """Mark the run failed for good. Raises FencedError."""
        with self._database.transaction() as transaction:
            self._fenced(transaction.execute(ledger.FAIL_RUN, {**self._fence, "error": reason}))
            transaction.execute(ledger.END_STEPS, {**self._fence, "detail": reason})
        self._announce(self.claimed.run)

    def give_back(self, job: Job) -> None:
        """End the lease and ask for a worker again, at once."""
        with self._database.transaction() as transaction:
            self._fenced(transaction.execute(ledger.RELEASE_RUN, self._fence))
            asked = {"actor": job.actor, "queue": job.queue, "run": str(self.claimed.run)}
            transaction.execute(outbox_take.ASK_AGAIN, asked)

    def _hold(self, transaction: Transaction) -> None:
        held = {**self._fence, "lease_seconds": self._timings.lease_seconds}
        self._fenced(transaction.execute(ledger.HOLD, held))

    def _fenced(self, touched: int) -> None:
        if touched != 1:
            raise FencedError("Another worker has taken this run over.", why=f"Epoch {self.claimed.epoch} is past.")

    def _renew(self) -> None:
        while not self._left.wait(self._timings.renew_seconds):
            try:
                with self._database.transaction() as transaction:
                    self._hold(transaction)
            except FencedError:
                return  # the run's next write finds out and stops it
            except DependencyError as error:
                logs.get(__name__).warning("lease_not_renewed", run=str(self.claimed.run), error=str(error))
