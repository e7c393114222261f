"""One stretch that is read again: what its thread and the runner tell each other (decision 0015)."""

from __future__ import annotations

import threading
from typing import Literal

import msgspec

from services.relay.events import Batch
from services.relay.frames import FrameQueue
from shared.store.rechecks import Due

#: Read on for so long past the end: neighbours may come in another order.
SLACK_US = 2_000_000
#: Another host numbers events a little differently; the same one gives back the very event it gave before.
OTHER_HOST_US = 5_000_000
#: An answer that begins this close to the present, or later, is the live tail and proves nothing.
LIVE_US = 1_000_000
#: How often a feed may answer with its live tail before that is taken as final.
MOST_ATTEMPTS = 8

#: Frames that wait for the runner: a second connection must not double the memory.
QUEUE_EVENTS, QUEUE_BYTES = 5_000, 16 << 20


class Step(msgspec.Struct, frozen=True):
    """Where a reading stands after a batch. ``first_us`` is the event time that answered it.

    Settled: the stretch is whole from ``whole_us`` on, and ``cause`` is why it is not before.
    """

    first_us: int | None
    state: Literal["reading", "settled", "unproven"]
    whole_us: int = 0
    cause: str = ""


class Progress:
    """A reading under way. ``over`` is set once its stretch is settled, or cannot be this time (``failed``)."""

    def __init__(self, due: Due, host: str, opened_us: int) -> None:
        self.due, self.host, self.opened_us = due, host, opened_us
        self.queue = FrameQueue(QUEUE_EVENTS, QUEUE_BYTES)
        self.over = threading.Event()
        self.failed = False
        self.first_us: int | None = None
        self.events = self.found = 0
        #: Ends of batches, the first of them so far back that nothing before it is still to come.
        self._marks = [due.start_us]

    def after(self, batch: Batch) -> Step:
        """What is known once ``batch`` is stored; changes nothing, so that it may be asked again."""
        first = batch.first_us if self.first_us is None else self.first_us
        reached = batch.last_us is not None and batch.last_us > self.due.end_us + SLACK_US
        if first is None or not reached:
            return Step(first, "reading")
        answers_live = first >= self.opened_us - LIVE_US and first > self.due.end_us
        if answers_live and self.due.attempts < MOST_ATTEMPTS:
            return Step(first, "unproven")
        return Step(first, "settled", self._whole_from(first), "future" if answers_live else "clamped")

    def keep_to_stretch(self, batch: Batch) -> None:
        """Leave out what lies past the stretch: that is the reader's to bring, and to miss if it does not come."""
        last = self.due.end_us + SLACK_US
        batch.posts = [post for post in batch.posts if post.time_us <= last]
        batch.reactions = [reaction for reaction in batch.reactions if reaction.time_us <= last]
        batch.undoings = [undoing for undoing in batch.undoings if undoing.time_us <= last]
        batch.removals = [removal for removal in batch.removals if removal.time_us <= last]
        batch.passing = [passing for passing in batch.passing if passing.time_us <= last]

    @property
    def mark_us(self) -> int:
        """An event that was given back together with all before it; the stretch's start while there is none."""
        if self.first_us is None or self._whole_from(self.first_us) > self.due.start_us:
            return self.due.start_us
        return self._marks[0]

    def stored(self, step: Step, batch: Batch, found: int) -> None:
        """A batch was committed."""
        last = batch.last_us
        if last is not None and self._marks[-1] < last <= self.due.end_us:
            self._marks.append(last)
            while self._marks[1] <= last - SLACK_US:
                del self._marks[0]
        self.first_us = step.first_us
        self.events += batch.events
        self.found += found
        if step.state != "reading":
            self.failed = step.state == "unproven"
            self.over.set()

    def _whole_from(self, first: int) -> int:
        """From where on the stretch was given back whole; its start when nothing was left out."""
        slack = 0 if self.host == self.due.host else OTHER_HOST_US
        return self.due.start_us if first - self.due.start_us <= slack else min(first, self.due.end_us)


class Desk:
    """Where the thread that reads again puts its work for the runner."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
