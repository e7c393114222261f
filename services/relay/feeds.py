"""Keeps open the feeds that the record says are on: added, changed, paused and removed without a restart.

A thread of its own looks at the rows every second. It never waits for a feed, and nothing about one
feed touches another. While PostgreSQL is away the feeds go on as they last were.

Of several relays on one database one reads the feeds, or one at each place where they share the work
(``GROUNDSWELL_RELAY_SHARDS``, decision 0038); the others wait, and one of them goes on where it
stopped. For the moment that a relay needs to find out that it lost its place two may read: ids and the
cursor, which never moves back, make that harmless.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from services.relay import metrics
from services.relay.feed import END_SECONDS, first_feed, place_of, put_row
from services.relay.removal import Remover
from services.relay.report import EVERY_SECONDS, Publishing, write_view
from services.relay.slot import Open, Slot
from services.relay.spec import FeedSpec, spec_of
from services.relay.state import View
from shared.config.settings import Settings
from shared.contracts.shards import WHOLE, shard_of
from shared.errors import InputError, StoreRejected, StoreUnavailable
from shared.store import feed_rows
from shared.store.database import Database
from shared.store.feed_rows import FeedRow
from shared.store.hold import Hold
from shared.telemetry import logs
from shared.telemetry.health import State

#: How often the rows are looked at.
POLL_SECONDS = 1.0


class Feeds:
    """``say`` is told how the relay is as a whole."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        open_unit: Open,
        publishing: Publishing,
        remover: Remover,
        hold: Hold,
        say: Callable[[State, str | None], None],
    ) -> None:
        self._settings, self._database, self._open_unit = settings, database, open_unit
        self._publishing, self._remover, self._say = publishing, remover, say
        self._hold, self._leading, self._place = hold, False, place_of(settings)
        self._rows: list[FeedRow] | None = None
        self._slots: dict[str, Slot] = {}
        self._said_at: dict[str, float] = {}
        self._prepared = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay-feeds", daemon=True)

    @property
    def leading(self) -> bool:
        """Whether this relay is the one that reads, as far as it knows."""
        return self._leading

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End all feeds; what was read is stored, as far as that is done soon."""
        self._stop.set()
        self._thread.join(timeout=POLL_SECONDS)
        until = time.monotonic() + END_SECONDS
        slots = list(self._slots.values())
        for slot in slots:
            slot.stop()
        for slot in slots:
            slot.join(until)
        # What was read is stored, or as good as lost to us: another relay may go on.
        self._hold.release()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.turn()
            except Exception:  # a defect here must not end the feeds that are open
                logs.get(__name__).error("feeds_not_looked_at", exc_info=True)
            self._stop.wait(POLL_SECONDS)

    def turn(self) -> None:
        """Look at the rows once, and bring every feed one step nearer to them."""
        if not self._leads():
            self._step_back()
            return
        if (rows := self._read()) is None:
            return
        wanted, too_many = self._chosen(rows)
        for row in rows:
            self._slots.setdefault(row.id, Slot(row.id, self._open_unit))
        known = {row.id: row for row in rows}
        for feed, slot in list(self._slots.items()):
            if self._stop.is_set():
                return
            was_open = not slot.empty
            slot.turn(wanted.get(feed))
            if slot.empty and feed not in wanted:
                self._closed(known.get(feed), feed, was_open=was_open)
        for feed in too_many:
            self._report(feed, f"At most {self._settings.relay_max_feeds} feeds are read at the same time.")
        for feed in wanted:
            if (failure := self._slots[feed].failure) is not None:
                self._report(feed, failure)
        self._tell(wanted)

    def _leads(self) -> bool:
        """Whether this relay is the one that reads. As it was while PostgreSQL is away: nobody can take over then."""
        try:
            leading = self._hold.held()
        except (StoreUnavailable, StoreRejected) as error:
            logs.get(__name__).debug("feeds_not_held", error=str(error))
            return self._leading
        if leading != self._leading:
            self._leading = leading
            logs.get(__name__).info("feeds_taken" if leading else "feeds_given_up")
        return leading

    def _step_back(self) -> None:
        """Another relay reads, or may: end what runs here, and say nothing of any feed."""
        for feed, slot in list(self._slots.items()):
            slot.turn(None)
            if slot.empty:
                del self._slots[feed]
                metrics.forget(feed)
        metrics.FEEDS.labels("open").set(len(self._slots))
        metrics.FEEDS.labels("failed").set(0)
        self._say("ok", "Another relay reads the feeds. This one goes on when that ends.")

    def _read(self) -> Sequence[FeedRow] | None:
        """The rows, or those read last while PostgreSQL is away."""
        try:
            if not self._prepared:
                self._prepare()
                self._prepared = True
            self._rows = [row for row in self._database.fetch(feed_rows.ALL) if self._is_ours(row)]
        except (StoreUnavailable, StoreRejected) as error:
            logs.get(__name__).debug("feeds_not_read", error=str(error))
        return self._rows

    def _is_ours(self, row: FeedRow) -> bool:
        """Whether this relay is at the place that reads the feed. What cannot be is refused when it is opened."""
        try:
            return self._place.reads(shard_of(row.options))
        except InputError:
            return self._place.reads(WHOLE)

    def _prepare(self) -> None:
        """The settings' feed becomes a row; one they named before is paused, if it is of this place."""
        spec, place = first_feed(self._settings), self._place
        released = {"feed": None if spec is None else spec.id, "index": place.index, "count": place.count}
        with self._database.transaction() as transaction:
            transaction.execute(feed_rows.RELEASE, released)
            if spec is not None:
                put_row(transaction, spec, "settings")

    def _chosen(self, rows: Sequence[FeedRow]) -> tuple[dict[str, FeedSpec], list[str]]:
        """Feeds to keep open, and those that are on but too many."""
        on = [row for row in rows if row.enabled and not row.removing]
        most = self._settings.relay_max_feeds
        return {row.id: spec_of(row) for row in on[:most]}, [row.id for row in on[most:]]

    def _closed(self, row: FeedRow | None, feed: str, *, was_open: bool) -> None:
        """Nothing of ``feed`` runs and nothing should."""
        del self._slots[feed]
        self._said_at.pop(feed, None)
        if was_open:
            metrics.forget(feed)
        if row is None:
            return
        if row.removing:
            self._remover.remove(feed)
        if was_open and (said := write_view(self._database, feed, View("paused", None))) is not None:
            self._publishing.feed(said)

    def _report(self, feed: str, why: str) -> None:
        """Say that ``feed`` is not read, as often as an open feed says how it is."""
        now = time.monotonic()
        if now - self._said_at.get(feed, -EVERY_SECONDS) < EVERY_SECONDS:
            return
        self._said_at[feed] = now
        if (said := write_view(self._database, feed, View("failed", why))) is not None:
            self._publishing.feed(said)

    def _tell(self, wanted: dict[str, FeedSpec]) -> None:
        failed = sum(self._slots[feed].failure is not None for feed in wanted)
        metrics.FEEDS.labels("open").set(sum(not slot.empty for slot in self._slots.values()))
        metrics.FEEDS.labels("failed").set(failed)
        self._say("ok", None if wanted else "No feed is on. Add one, or set GROUNDSWELL_FEED_URL.")
