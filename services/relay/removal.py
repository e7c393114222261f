"""Removes a feed for good: its posts in small batches, then its row with all that hangs on it.

Only a feed that nothing reads any more is removed. Whatever interrupts it, the row still says that it
is to be removed, and the next relay goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from services.relay.backoff import Backoff
from shared.errors import StoreRejected, StoreUnavailable
from shared.store import feed_rows
from shared.store.database import Database
from shared.telemetry import logs

#: Posts a transaction removes: short locks, little to redo.
BATCH = 1_000
#: Pause after a batch, so that the streams keep their share of the disk.
PAUSE_SECONDS = 0.05


class Remover:
    """``gone`` is told when posts are gone, so that their vectors go too."""

    def __init__(self, database: Database, gone: Callable[[], None], batch: int = BATCH) -> None:
        self._database, self._gone, self._batch = database, gone, batch
        self._waiting: dict[str, None] = {}
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay-remove", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def remove(self, feed: str) -> None:
        """Remove ``feed``, soon. Idempotent."""
        with self._changed:
            self._waiting.setdefault(feed)
            self._changed.notify_all()

    def _run(self) -> None:
        backoff = Backoff(0.5, 30.0)
        while not self._stop.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._stop.is_set() or self._waiting)
                feed = next(iter(self._waiting), None)
            if feed is None:
                continue
            try:
                self._remove(feed)
            except (StoreUnavailable, StoreRejected) as error:
                logs.get(__name__).warning("feed_not_removed_yet", feed=feed, error=str(error))
                self._stop.wait(backoff.next_seconds())
                continue
            backoff.reset()
            with self._changed:
                self._waiting.pop(feed, None)

    def _remove(self, feed: str) -> None:
        removed = 0
        batch = {"feed": feed, "limit": self._batch}
        while not self._stop.is_set():
            # A short batch proves nothing: the mover may have had some of it in hand.
            gone = self._database.fetch(feed_rows.REMOVE_POSTS, batch) or self._database.fetch(
                feed_rows.REMOVE_COLD_POSTS, batch
            )
            self._gone()
            removed += len(gone)
            if not gone and not self._database.fetch(feed_rows.COUNT_LEFT, {"feed": feed})[0].rows:
                self._database.execute(feed_rows.REMOVE_DELETIONS, {"feed": feed})
                self._database.execute(feed_rows.REMOVE, {"feed": feed})
                logs.get(__name__).info("feed_removed", feed=feed, posts=removed)
                return
            self._stop.wait(PAUSE_SECONDS)
