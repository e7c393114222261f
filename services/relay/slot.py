"""One feed's place in the relay: opened, ended and, after a failure, opened again; never touching another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from services.relay import metrics
from services.relay.backoff import Backoff
from services.relay.feed import explain
from services.relay.spec import FeedSpec
from shared.errors import StoreUnavailable
from shared.telemetry import logs

#: A unit that ran so long without failing begins with short pauses again.
STEADY_SECONDS = 60.0
#: A unit that takes longer to end is said to hang.
HANGS_SECONDS = 30.0


class Unit(Protocol):
    """What is needed of ``services.relay.feed.FeedUnit``."""

    @property
    def failure(self) -> str | None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def alive(self) -> bool: ...

    def ended(self) -> bool: ...

    def join(self, timeout: float) -> None: ...


#: Makes the unit of a feed; it runs until the event is set. Raises whatever is wrong with the feed.
Open = Callable[[FeedSpec, threading.Event], Unit]


class Slot:
    """Brings one feed to what is wanted of it, step by step and without waiting. Used by one thread."""

    def __init__(
        self,
        feed: str,
        open_unit: Open,
        backoff: Backoff | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._feed, self._open_unit, self._monotonic = feed, open_unit, monotonic
        self._backoff = backoff or Backoff(1.0, 60.0)
        self._spec: FeedSpec | None = None
        self._unit: Unit | None = None
        self._opened_at = 0.0
        self._ending_since: float | None = None
        self._again_at = 0.0
        self._failure: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing of the feed runs."""
        return self._unit is None

    @property
    def failure(self) -> str | None:
        """Why the feed is not read, for people; ``None`` while it is."""
        if self._ending_since is not None and self._monotonic() - self._ending_since > HANGS_SECONDS:
            return "Its threads do not end, so it is not opened again. Restart the relay."
        if self._failure is None:
            return None
        return f"{self._failure} It is tried again in {max(self._again_at - self._monotonic(), 0):.0f} s."

    def turn(self, wanted: FeedSpec | None) -> None:
        """One step towards ``wanted``; ``None`` ends the feed. A changed description opens it anew."""
        if self._unit is not None:
            if wanted == self._spec and self._unit.alive():
                return
            self._end()
            if self._unit is not None:
                return
        if wanted is None:
            self._failure = None
            return
        if wanted != self._spec:
            self._spec, self._again_at = wanted, 0.0
            self._backoff.reset()
        if self._monotonic() >= self._again_at:
            self._open(wanted)

    def stop(self) -> None:
        """Begin to end for good."""
        if self._unit is not None:
            self._unit.stop()

    def join(self, until: float) -> None:
        """Wait for the end until ``until`` on the monotonic clock."""
        if self._unit is not None:
            self._unit.join(max(until - self._monotonic(), 0.0))

    def _open(self, spec: FeedSpec) -> None:
        try:
            unit = self._open_unit(spec, threading.Event())
        except StoreUnavailable as error:
            logs.get(__name__).debug("feed_waits_for_store", feed=self._feed, error=str(error))
        except Exception as error:
            self._failed(explain(error))
        else:
            self._unit, self._failure, self._opened_at = unit, None, self._monotonic()
            unit.start()
            logs.get(__name__).info("feed_opened", feed=self._feed, kind=spec.kind)

    def _end(self) -> None:
        """End the unit; it is gone once its threads are."""
        unit = self._unit
        assert unit is not None  # noqa: S101 - the caller looked
        unit.stop()
        now = self._monotonic()
        if not unit.ended():
            self._ending_since = now if self._ending_since is None else self._ending_since
            return
        self._unit = self._ending_since = None
        logs.get(__name__).info("feed_closed", feed=self._feed)
        if now - self._opened_at > STEADY_SECONDS:
            self._backoff.reset()
        if unit.failure is not None:
            self._failed(unit.failure)

    def _failed(self, why: str) -> None:
        self._failure, self._again_at = why, self._monotonic() + self._backoff.next_seconds()
        metrics.FEED_RESTARTS.labels(self._feed).inc()
        logs.get(__name__).warning("feed_failed", feed=self._feed, why=why)
