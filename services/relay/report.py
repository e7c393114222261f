"""Says every two seconds how a feed is: to the record, to the live stream, to the metrics."""

from __future__ import annotations

import math
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
        self._away = False

    def run(self) -> None:
        """The thread's work, until ``stop``; then what waits is written once more."""
        while True:
            self.say()
            if self._stop.wait(EVERY_SECONDS):
                self._write_drops()
                return

    def say(self) -> None:
        """Report once."""
        view = self._state.view()
        measure(self._feed, view)
        if self._away:
            self._tell_from_memory(view)  # the record may take seconds to say that it is still away
        found = write_view(self._database, self._feed, view)
        self._away = found is None
        if found is None:
            self._tell_from_memory(self._state.view())
            return
        self._last = found
        self._publishing.feed(found)
        self._write_drops()

    def _tell_from_memory(self, view: View) -> None:
        if self._last is not None:
            self._last = msgspec.structs.replace(self._last, **msgspec.structs.asdict(view))
            self._publishing.feed(self._last)

    def _write_drops(self) -> None:
        try:
            self._state.drops.write(self._database)
        except (StoreUnavailable, StoreRejected) as error:
            logs.get(__name__).debug("drops_not_written", feed=self._feed, error=str(error))


def write_view(database: Database, feed: str, view: View) -> Feed | None:
    """Put ``view`` on record; the feed as it is then, ``None`` while that cannot be done."""
    row = {
        "feed": feed,
        "status": view.status,
        "reason": view.reason,
        "rate": view.rate,
        "behind_seconds": view.behind_seconds,
        "catch_up_seconds": view.catch_up_seconds,
    }
    try:
        with database.transaction() as transaction:
            transaction.execute(cursors.REPORT, row)
            return transaction.fetch_one(feeds.ONE, {"feed": feed})
    except (StoreUnavailable, StoreRejected) as error:
        logs.get(__name__).debug("feed_report_not_written", feed=feed, error=str(error))
        return None


def measure(feed: str, view: View) -> None:
    """Metrics of one look at a feed."""
    if view.lag_seconds is not None:
        metrics.LAG_SECONDS.labels(feed).set(view.lag_seconds)
    metrics.BEHIND_SECONDS.labels(feed).set(view.behind_seconds or 0.0)
    left = view.catch_up_seconds
    if view.behind_seconds is None:
        left = 0.0
    metrics.CATCH_UP_SECONDS.labels(feed).set(math.nan if left is None else left)
