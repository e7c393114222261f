"""Says every two seconds how a feed is: to the record, to the live stream, to the metrics."""

from __future__ import annotations

import threading
from typing import Protocol

import msgspec

from services.relay import metrics
from services.relay.state import FeedState, View
from shared.errors import StoreRejected, StoreUnavailable
from shared.schemas.feed import Feed
from shared.store import cursors, feeds
from shared.store.database import Database
from shared.telemetry import logs

EVERY_SECONDS = 2.0


class Publishing(Protocol):
    """The part of the publish stage used here."""

    def feed(self, feed: Feed) -> None:
        """The feed is as given."""
        ...


class FeedReporter:
    """Repeats a feed's state. While PostgreSQL is away the live stream still hears it."""

    def __init__(
        self, feed: str, state: FeedState, database: Database, publishing: Publishing, stop: threading.Event
    ) -> None:
        self._feed, self._state, self._database = feed, state, database
        self._publishing, self._stop = publishing, stop
        self._last: Feed | None = None

    def run(self) -> None:
        """The thread's work, until ``stop``."""
        while True:
            self.say()
            if self._stop.wait(EVERY_SECONDS):
                return

    def say(self) -> None:
        """Report once."""
        view = self._state.view()
        if view.lag_seconds is not None:
            metrics.LAG_SECONDS.labels(self._feed).set(view.lag_seconds)
        found = self._record(view)
        if found is None and self._last is not None:
            found = msgspec.structs.replace(
                self._last, status=view.status, reason=view.reason, rate=view.rate, lag_seconds=view.lag_seconds
            )
        if found is not None:
            self._last = found
            self._publishing.feed(found)

    def _record(self, view: View) -> Feed | None:
        row = {"feed": self._feed, "status": view.status, "reason": view.reason, "rate": view.rate}
        row |= {"behind_seconds": None, "catch_up_seconds": None}
        try:
            with self._database.transaction() as transaction:
                transaction.execute(cursors.REPORT, row)
                return transaction.fetch_one(feeds.ONE, {"feed": self._feed})
        except (StoreUnavailable, StoreRejected) as error:
            logs.get(__name__).debug("feed_report_not_written", feed=self._feed, error=str(error))
            return None
