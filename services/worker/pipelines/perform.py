"""Take a run and see it through, or leave it so that another worker can. Never raises for a bad run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import UUID

from services.worker import metrics
from services.worker.pipelines.durable import Announce, DurableRun, Interrupted, Parked
from services.worker.timings import Timings
from shared.contracts.jobs import JOB_OF_RUN
from shared.errors import DependencyError, FencedError, GroundswellError
from shared.store import ledger
from shared.store.database import Database
from shared.telemetry import logs

#: A run whose worker ended so often is itself the likely cause.
MOST_ATTEMPTS = 6


class Performer:
    """Runs ``pipeline`` for runs of ``kind`` under a claim. A second message for a run finds nothing to claim."""

    def __init__(
        self,
        database: Database,
        pipeline: Callable[[DurableRun], None],
        announce: Announce,
        stopping: threading.Event,
        timings: Timings,
        kind: str = "briefing",
    ) -> None:
        self._database, self._pipeline, self._announce = database, pipeline, announce
        self._stopping, self._timings, self._kind = stopping, timings, kind

    def __call__(self, run_id: str) -> None:
        """Work on the run ``run_id`` unless it is done or somebody else does."""
        with logs.bound(run=run_id):
            self._perform(run_id)

    def _perform(self, run_id: str) -> None:
        log, started = logs.get(__name__), time.monotonic()
        try:
            claimed = self._claim(run_id)
        except DependencyError as error:
            log.warning("run_postponed", error=str(error))
            self._ended("postponed", started)
            return
        except ValueError:
            log.error("run_id_malformed")
            return
        if claimed is None:
            log.info("run_not_claimed")
            return
        # What the request was called that asked for it, on every line from here to the language model.
        with logs.bound(request=claimed.request_id):
            log.info("run_claimed", kind=claimed.kind, attempts=claimed.attempts)
            self._ended(self._see_through(claimed), started)

    def _ended(self, outcome: str, started: float) -> None:
        seconds = time.monotonic() - started
        metrics.RUNS.labels(self._kind, outcome).inc()
        metrics.RUN_SECONDS.labels(self._kind).observe(seconds)
        logs.get(__name__).info("run_ended", outcome=outcome, seconds=round(seconds, 3))

    def _see_through(self, claimed: ledger.Claimed) -> str:
        """How it ended."""
        try:
            return self._attempt(claimed)
        except FencedError:
            return "fenced"
        except DependencyError as error:
            # The lease ends, and the reaper sends the run again.
            logs.get(__name__).warning("run_postponed", error=str(error))
            return "postponed"

    def _claim(self, run_id: str) -> ledger.Claimed | None:
        wanted = {"run": UUID(run_id), "lease_seconds": self._timings.lease_seconds}
        return self._database.fetch_one(ledger.CLAIM, wanted)

    def _attempt(self, claimed: ledger.Claimed) -> str:
        run = DurableRun(self._database, claimed, self._timings, self._announce, self._stopping)
        if claimed.attempts > MOST_ATTEMPTS:
            run.fail(f"Given up after {MOST_ATTEMPTS} attempts: each time the worker ended or an engine was away.")
            return "failed"
        with run:
            try:
                self._pipeline(run)
            except Interrupted:
                run.give_back(JOB_OF_RUN[self._kind])
                return "given_back"
            except Parked:
                return "parked"
            except (DependencyError, FencedError):
                raise
            except GroundswellError as error:
                run.fail(str(error))
                return "failed"
            except Exception as error:
                logs.get(__name__).exception("run_crashed")
                run.fail(f"An unexpected error ended it ({type(error).__name__}). The worker's log has the details.")
                return "failed"
        return "done"
