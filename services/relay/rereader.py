"""The thread that reads stretches of one feed again, on a connection of its own (decision 0015).

What is to be read again lies in the record, so a kill forgets nothing. The frames go to the feed's one
runner, which commits them between its own batches; they never move the cursor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import msgspec

from services.relay.rereading import Desk, Progress
from services.relay.sources.base import Source
from shared.errors import FeedUnavailable, StoreRejected, StoreUnavailable
from shared.store import rechecks
from shared.store.cursors import Cursor
from shared.store.database import Database
from shared.store.rechecks import Due
from shared.telemetry import logs

#: How often it looks for work.
LOOK_SECONDS = 1.0


class Rereader:
    """Takes what is due, the earliest first. ``make`` gives a source that is not the reader's."""

    def __init__(
        self, feed: str, make: Callable[[], Source], desk: Desk, database: Database, stop: threading.Event
    ) -> None:
        self._feed, self._make, self._desk = feed, make, desk
        self._database, self._stop = database, stop

    def run(self) -> None:
        """The thread's work, until ``stop``."""
        while not self._stop.wait(LOOK_SECONDS):
            try:
                due = self._next()
                if due is not None and not self._stop.is_set():
                    self._read(due)
            except (StoreUnavailable, StoreRejected) as error:
                logs.get(__name__).debug("reading_again_waits_for_store", feed=self._feed, error=str(error))

    def _next(self) -> Due | None:
        """The earliest stretch that is due, joined with those that touch it."""
        found = self._database.fetch(rechecks.DUE, {"feed": self._feed})
        if not found:
            return None
        due, others = joined(found)
        if others:
            self._database.execute(rechecks.MERGE, {"id": due.id, "end_us": due.end_us, "others": others})
        return due

    def _read(self, due: Due) -> None:
        """Read ``due`` on a connection of its own; later on, from where it came to, if it was not settled."""
        source = self._make()
        try:
            source.open(cursor_before(due))
            progress = Progress(due, source.host, due.now_us)
            self._desk.progress = progress
            self._pump(source, progress)
        except FeedUnavailable as error:
            logs.get(__name__).info("feed_not_read_again", feed=self._feed, why=error.why, attempts=due.attempts)
            self._later(due, due.start_us)
            return
        finally:
            self._desk.progress = None
            source.close()
        settled = progress.over.is_set() and not progress.failed
        logs.get(__name__).info(
            "feed_read_again" if settled else "feed_not_read_again",
            feed=self._feed,
            cause=due.cause,
            start_us=due.start_us,
            end_us=due.end_us,
            first_us=progress.first_us,
            host=progress.host,
            events=progress.events,
            found=progress.found,
            attempts=due.attempts,
        )
        if not settled:
            self._later(due, progress.mark_us)

    def _later(self, due: Due, mark_us: int) -> None:
        """Try again after a pause; from ``mark_us`` on where the reading got that far."""
        if mark_us <= due.start_us:
            self._database.execute(rechecks.POSTPONE, {"id": due.id})
            return
        row = {"feed": self._feed, "id": due.id, "start_us": due.start_us, "end_us": due.end_us, "mark_us": mark_us}
        with self._database.transaction() as transaction:
            transaction.execute(rechecks.ADVANCE, row)
            if due.cause == "gap":
                transaction.execute(rechecks.ADVANCE_GAP, row)

    def _pump(self, source: Source, progress: Progress) -> None:
        """Frames to the runner until it says that the stretch is over, or the connection ends."""
        for frame in source.frames(self._stop):
            if progress.over.is_set():
                return
            if frame is None or frame.mark_us is not None:
                continue
            still = msgspec.structs.replace(frame, moves=False, token=None, missing=None)
            while not progress.queue.put(still, 0.5):
                if progress.over.is_set() or self._stop.is_set():
                    return
        # What came before the connection ended is of use, and may even have been all of it.
        while not (progress.over.is_set() or self._stop.is_set()):
            if progress.queue.wait_until_durable(0.5):
                return


def joined(found: Sequence[Due]) -> tuple[Due, list[int]]:
    """The first of ``found`` (by start), made longer by the changes to live that touch it; the ids of those."""
    due, others = found[0], []
    for other in found[1:]:
        if due.cause == other.cause == "cutover" and due.host == other.host and other.start_us <= due.end_us:
            due = msgspec.structs.replace(due, end_us=max(due.end_us, other.end_us))
            others.append(other.id)
    return due, others


def cursor_before(due: Due) -> Cursor:
    """A cursor that asks by time for the stretch and, as after any event, a little before it."""
    return Cursor(wire="", host=due.host, position=due.start_us, token=None, events=1, now_us=due.now_us)
