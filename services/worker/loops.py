"""A thread that does one thing again and again, and outlives whatever is away."""

from __future__ import annotations

import threading
from collections.abc import Callable

from shared.errors import DependencyError
from shared.telemetry import logs


class Loop:
    """Calls ``body`` every ``every`` seconds until ``stop``; after an error it waits longer, up to ``most``.

    The first call comes after ``first`` seconds (default: ``every``).
    """

    def __init__(
        self,
        name: str,
        body: Callable[[], object],
        stop: threading.Event,
        *,
        every: float,
        most: float,
        first: float | None = None,
    ) -> None:
        self._name, self._body, self._stop, self._every, self._most = name, body, stop, every, most
        self._first = every if first is None else first
        self._thread = threading.Thread(target=self._run, name=f"worker-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the end, which ``stop`` brings."""
        self._thread.join(seconds)

    def _run(self) -> None:
        pause = self._first
        while not self._stop.wait(pause):
            try:
                self._body()
                pause = self._every
            except DependencyError as error:
                pause = min(max(2 * pause, 0.5), max(self._most, self._every))
                logs.get(__name__).warning("loop_waits", loop=self._name, seconds=pause, error=str(error))
            except Exception:
                pause = max(self._most, self._every)
                logs.get(__name__).exception("loop_failed", loop=self._name, seconds=pause)
