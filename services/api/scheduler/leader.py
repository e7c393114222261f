"""Runs the scheduled jobs in the one API process that holds the lease."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from services.api.metrics import LEADER
from services.api.scheduler.lease import Lease
from shared.errors import DependencyError, FencedError
from shared.telemetry import logs

EVERY_SECONDS = 2.0
FOLLOWER_SECONDS = 3.0
TROUBLE_SECONDS = 5.0


class Job(Protocol):
    """Work that only the leader does. All of it runs in the scheduler's thread."""

    def run(self, lease: Lease) -> bool:
        """One pass; writes only in transactions fenced by ``lease``. True when more work waits."""
        ...

    def forget(self) -> None:
        """Drop what is in memory: the record may have moved on without us."""
        ...


class Scheduler:
    """``run`` works until ``stop`` is set, through lost leases, an absent store and failing jobs."""

    def __init__(self, lease: Lease, jobs: Sequence[Job]) -> None:
        self._lease, self._jobs = lease, jobs
        self._epoch = 0

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``; then the lease is given back."""
        while not stop.is_set():
            stop.wait(self.turn())
        LEADER.labels(self._lease.name).set(0)
        try:
            self._lease.release()
        except DependencyError:
            logs.get(__name__).info("lease_not_released")

    def turn(self) -> float:
        """One round of all jobs, if we lead; seconds until the next."""
        try:
            leads = self._lease.take()
            if self._lease.epoch != self._epoch:
                self._forget()
                self._epoch = self._lease.epoch
            LEADER.labels(self._lease.name).set(leads)
            if not leads:
                return FOLLOWER_SECONDS
            more = [job.run(self._lease) for job in self._jobs]
            return 0.0 if any(more) else EVERY_SECONDS
        except FencedError:
            logs.get(__name__).warning("lease_lost")
            self._forget()
            return FOLLOWER_SECONDS
        except DependencyError as error:
            logs.get(__name__).warning("scheduled_job_waits", error=str(error))
            self._forget()
            return EVERY_SECONDS
        except Exception:
            # A job that fails must not end the others' schedule: it begins again from the record.
            logs.get(__name__).exception("scheduled_job_failed")
            self._forget()
            return TROUBLE_SECONDS

    def _forget(self) -> None:
        for job in self._jobs:
            job.forget()
