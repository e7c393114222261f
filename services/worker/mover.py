"""Moves posts that left the hot window into the archive: in small batches, by the database's clock (decision 0022).

A lease lets one worker do it at a time, which only spares work: each batch is one transaction that takes
rows nobody else has in hand, so two movers, or one that was killed, skip and repeat nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from services.worker import metrics
from shared.errors import StoreRejected, StoreUnavailable
from shared.store import archive, leases
from shared.store.archive import Moved
from shared.store.database import Database
from shared.telemetry import logs
from shared.telemetry.health import State

LEASE_NAME = "mover"
LEASE_SECONDS = 60
#: Posts a transaction moves. Ingestion waits for it.
BATCH = 250
#: The part of the time that batches may take while there is more to move: the rest is ingestion's.
SHARE = 0.2
#: The oldest post is so far past the hot window before health speaks of it.
BEHIND_SECONDS = 3600.0
#: Passes that failed one after the other before health speaks of it.
FAILURES = 3
DAY_SECONDS = 86_400.0


class Mover:
    """Posts older than ``hot_seconds`` become cold; 0 keeps all hot.

    Those older than ``keep_days`` (0: none) are left to the retention. ``say`` is told how we are.
    """

    def __init__(
        self,
        database: Database,
        hot_seconds: float,
        keep_days: int,
        holder: str,
        stop: threading.Event,
        say: Callable[[State, str | None], None],
        *,
        batch: int = BATCH,
    ) -> None:
        self._database, self._stop, self._say, self._batch = database, stop, say, batch
        self._off, self._failures = not hot_seconds, 0
        self._window = {"hot_seconds": hot_seconds, "keep_days": keep_days}
        self._lease = {"name": LEASE_NAME, "holder": holder, "seconds": LEASE_SECONDS}

    def __call__(self) -> int:
        """One pass; posts moved. 0 also when another worker does it. Raises StoreUnavailable or StoreRejected."""
        if self._off:
            return 0
        try:
            total = self._pass()
            self._report()
        except (StoreUnavailable, StoreRejected) as error:
            self._failures += 1
            if self._failures >= FAILURES:
                self._say("degraded", f"Old posts are not moved to the archive: {error}")
            raise
        self._failures = 0
        if total:
            logs.get(__name__).info("posts_archived", posts=total)
        return total

    def _pass(self) -> int:
        total = 0
        while not self._stop.is_set() and self._leads():
            began = time.monotonic()
            moved = self.move().posts
            total += moved
            if moved < self._batch:
                break
            took = time.monotonic() - began
            self._report()
            self._stop.wait(took * (1 / SHARE - 1))
        return total

    def move(self) -> Moved:
        """One batch, all or nothing. It may be short while another mover works on the same days."""
        limits = {**self._window, "limit": self._batch}
        days = self._database.fetch(archive.DAYS, limits)
        if not days:
            return Moved(posts=0, known=0)
        if not all(day.there for day in days):
            with self._database.transaction() as transaction:
                transaction.execute(archive.ONE_AT_A_TIME)
                for day in days:
                    transaction.execute(archive.make_day(day.day))
        with self._database.transaction() as transaction:
            transaction.execute(archive.LOCK)
            moved = transaction.fetch(archive.MOVE, {**limits, "days": [day.day for day in days]})[0]
        metrics.MOVED.inc(moved.posts)
        if moved.known:
            logs.get(__name__).warning("posts_were_archived_already", posts=moved.known)
        return moved

    def _report(self) -> None:
        """Say how far behind we are, and how much lies where."""
        lag = self._database.fetch(archive.LAG, self._window)[0].seconds
        size = self._database.fetch(archive.SIZE)[0]
        metrics.MOVER_LAG_SECONDS.set(lag)
        metrics.ARCHIVE_DAYS.set(size.cold_days)
        metrics.ARCHIVE_BYTES.set(size.cold_bytes)
        if lag > BEHIND_SECONDS:
            days = (lag + float(self._window["hot_seconds"])) / DAY_SECONDS
            self._say("degraded", f"Posts up to {days:.1f} days old still wait to be archived.")
        else:
            self._say("ok", None)

    def _leads(self) -> bool:
        return self._database.fetch_one(leases.TAKE, self._lease) is not None


def drop_past_days(database: Database, keep_days: int) -> None:
    """Drop the archive's days that are past the retention and empty. Raises StoreUnavailable.

    A day that somebody reads just now waits for the next pass.
    """
    for past in database.fetch(archive.PAST_DAYS, {"days": keep_days}):
        with database.transaction() as transaction:
            transaction.execute(archive.ONE_AT_A_TIME)
            transaction.execute(archive.drop_day(past.day))
