"""Removes what people had posted whose accounts are gone for good (decision 0017).

A walk over all posts, for everybody who left since the last one. It takes a small share of the time
however many posts there are, so that it is seconds with few and minutes with many. Killed anywhere, it
begins again: whatever is gone by then it does not meet any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from services.relay import metrics
from services.relay.backoff import Backoff
from shared.errors import FencedError, StoreRejected, StoreUnavailable
from shared.store import archive, departures, ingest, leases
from shared.store.database import Database, Transaction
from shared.store.departures import Departure
from shared.telemetry import logs

LEASE, LEASE_SECONDS = "departures", 20
#: How often it looks, and the part of the time that walks may take at most.
LOOK_SECONDS, SHARE = 10.0, 0.05
#: Authors of one walk, posts of one look at the index, and posts that a transaction removes: ingestion waits for it.
AUTHORS, PAGE, BATCH = 10_000, 20_000, 250
#: Pause after a whole batch, so that the live stream can tell of all; after a smaller one as much less.
PAUSE_SECONDS = 0.15

_FIRST = UUID(int=0)


class Departures:
    """``gone`` is told which posts are no more, so that indexes and screens forget them.

    One relay at a time does it (``holder`` names this one), by the database's clock.
    """

    def __init__(
        self,
        database: Database,
        gone: Callable[[Sequence[UUID]], None],
        holder: str,
        *,
        page: int = PAGE,
        batch: int = BATCH,
    ) -> None:
        self._database, self._gone, self._page, self._batch = database, gone, page, batch
        self._lease = {"name": LEASE, "holder": holder, "seconds": LEASE_SECONDS}
        self._epoch, self._renewed = 0, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay-departures", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch in hand, and let another relay go on: at once, or when the lease has run out."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        backoff = Backoff(1.0, 30.0)
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self.turn()
                backoff.reset()
                wait = max(LOOK_SECONDS, (time.monotonic() - began) * (1 / SHARE - 1))
            except FencedError:
                wait = LOOK_SECONDS
            except (StoreUnavailable, StoreRejected) as error:
                logs.get(__name__).warning("departed_posts_not_removed_yet", error=str(error))
                wait = backoff.next_seconds()
            except Exception:  # a defect must not leave posts standing unseen
                logs.get(__name__).error("departed_posts_not_removed_yet", exc_info=True)
                wait = backoff.next_seconds()
            self._stop.wait(wait)
        self._release()

    def turn(self) -> int:
        """One walk, if anybody has left; posts removed. Raises FencedError when another relay took over."""
        waiting = self._database.fetch(departures.WAITING, {"limit": AUTHORS})
        metrics.DEPARTURES_WAITING.set(len(waiting))
        if not waiting or not self._leads():
            return 0
        began = time.monotonic()
        self._database.execute(departures.FORGET_RETURNED)
        removed = self._walk(waiting)
        if not self._stop.is_set():
            logs.get(__name__).info(
                "departed_posts_removed",
                accounts=len(waiting),
                posts=removed,
                seconds=round(time.monotonic() - began, 2),
            )
        return removed

    def _walk(self, waiting: Sequence[Departure]) -> int:
        """From the last departure back to the oldest post; posts removed."""
        removed = 0
        place = {"time": max(departure.event_time for departure in waiting) + timedelta(microseconds=1), "id": _FIRST}
        while not self._stop.is_set():
            self._keep()
            page = self._database.fetch_one(departures.PAGE, {**place, "limit": self._page})
            if page is None:
                # What the mover took past us is in the archive by now.
                removed += self._cold()
                if not self._stop.is_set():
                    self._swept(waiting)
                break
            place = {"time": page.time, "id": page.id}
            for start in range(0, len(page.posts), self._batch):
                batch = page.posts[start : start + self._batch]
                removed += self._remove(batch)
                if self._stop.wait(PAUSE_SECONDS * len(batch) / self._batch):
                    break
        return removed

    def _cold(self) -> int:
        """Their posts that are cold; posts removed."""
        removed = 0
        while not self._stop.is_set():
            self._keep()
            batch = [post.id for post in self._database.fetch(departures.COLD, {"limit": self._batch})]
            if not batch:
                break
            removed += self._remove(batch)
            self._stop.wait(PAUSE_SECONDS * len(batch) / self._batch)
        return removed

    def _remove(self, posts: Sequence[UUID]) -> int:
        with self._database.transaction() as transaction:
            transaction.execute(ingest.LOCK)
            self._fence(transaction)
            transaction.execute(archive.BACK, {"posts": list(posts)})
            gone = [post.id for post in transaction.fetch(departures.REMOVE, {"posts": list(posts)})]
        metrics.DEPARTED_POSTS.inc(len(gone))
        self._gone(gone)
        return len(gone)

    def _swept(self, waiting: Sequence[Departure]) -> None:
        authors, times = [one.author for one in waiting], [one.event_time for one in waiting]
        with self._database.transaction() as transaction:
            self._fence(transaction)
            transaction.execute(departures.SWEPT, {"authors": authors, "times": times})
        metrics.DEPARTURES_WAITING.set(0)

    # --- one relay at a time --------------------------------------------------------------------
    def _leads(self) -> bool:
        found = self._database.fetch_one(leases.TAKE, self._lease)
        self._epoch, self._renewed = found.epoch if found else 0, time.monotonic()
        return found is not None

    def _keep(self) -> None:
        """Renew the lease in good time. Raises FencedError when another relay has it, or had it meanwhile."""
        if time.monotonic() - self._renewed < LEASE_SECONDS / 4:
            return
        epoch = self._epoch
        if not self._leads() or self._epoch != epoch:
            raise _overtaken()

    def _fence(self, transaction: Transaction) -> None:
        """Raise FencedError unless the lease is still ours; nobody can take it until ``transaction`` ends."""
        if transaction.fetch_one(leases.FENCE, {**self._lease, "epoch": self._epoch}) is None:
            raise _overtaken()

    def _release(self) -> None:
        if not self._epoch:
            return
        try:
            self._database.fetch_one(leases.RELEASE, {**self._lease, "epoch": self._epoch})
        except (StoreUnavailable, StoreRejected) as error:
            logs.get(__name__).debug("lease_not_released", error=str(error))


def _overtaken() -> FencedError:
    return FencedError("Another relay removes the posts of departed accounts now.")
