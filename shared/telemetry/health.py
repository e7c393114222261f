"""A unit's own word on what it is and uses, said to the database every few seconds.

``Reporter`` is a small thread. It must never take its unit down: while the database is away it is
silent, and health marks the unit as gone after twenty seconds, which is then the truth.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Literal

from shared.telemetry import logs
from shared.telemetry.metrics import Gauge

State = Literal["ok", "degraded", "down", "off"]
#: Writes one report: (unit, instance, component, state, reason). Raises when the store is away.
Say = Callable[[str, str, str, State, str | None], None]

REPORT_EVERY_SECONDS = 5.0
STATE = Gauge(
    "groundswell_component_state",
    "What a unit says of itself and of what it uses: 0 ok, 1 degraded, 2 down, -1 off (invariant 7).",
    ["unit", "component"],
)
_VALUES = {"ok": 0, "degraded": 1, "down": 2, "off": -1}
#: Whoever was not heard for so long is taken as gone, by health and by itself.
GONE_SECONDS = 20.0


class Readiness:
    """Whether a unit can do its work, for whoever runs it. Begins as not."""

    def __init__(self) -> None:
        self._reporter: Reporter | None = None

    def follow(self, reporter: Reporter) -> None:
        """The unit has begun: its own reports tell from now on."""
        self._reporter = reporter

    def why_not(self) -> str | None:
        """The reason, or ``None`` where it can."""
        if self._reporter is None:
            return "It waits for PostgreSQL and its schema."
        return self._reporter.why_not()


class Reporter:
    """Keeps the present state of each component and repeats it. Thread-safe."""

    def __init__(self, unit: str, say: Say) -> None:
        self._unit, self._say = unit, say
        self._instance = f"{socket.gethostname()}:{os.getpid()}"
        self._states: dict[str, tuple[State, str | None]] = {unit: ("ok", None)}
        STATE.labels(unit, unit).set(0)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._heard_at: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"{unit}-report", daemon=True)

    def set(self, component: str, state: State, reason: str | None = None) -> None:
        """State of ``component`` from now on; a change is said at once and logged."""
        with self._lock:
            changed = self._states.get(component) != (state, reason)
            self._states[component] = (state, reason)
        STATE.labels(self._unit, component).set(_VALUES[state])
        if changed:
            logs.get(__name__).info("state_changed", component=component, state=state, reason=reason)
            self._wake.set()

    def get(self, component: str) -> State | None:
        """State last set, or ``None``."""
        with self._lock:
            found = self._states.get(component)
        return found[0] if found else None

    def why_not(self) -> str | None:
        """Why the unit cannot do its work: PostgreSQL does not take its reports, or it says itself that it is down."""
        with self._lock:
            state, reason = self._states[self._unit]
        if state == "down":
            return reason or "It is down."
        if self._heard_at is None or time.monotonic() - self._heard_at > GONE_SECONDS:
            return "PostgreSQL does not take its reports."
        return None

    def start(self) -> None:
        """Begin reporting."""
        self._thread.start()

    def stop(self) -> None:
        """End reporting; waits for the thread."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * REPORT_EVERY_SECONDS)

    def _run(self) -> None:
        while not self._stopped:
            with self._lock:
                states = dict(self._states)
            try:
                for component, (state, reason) in states.items():
                    self._say(self._unit, self._instance, component, state, reason)
                self._heard_at = time.monotonic()
            except Exception as error:
                logs.get(__name__).debug("report_not_written", error=str(error))
            self._wake.wait(REPORT_EVERY_SECONDS)
            self._wake.clear()
