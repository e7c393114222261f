"""One piece of work beside the thread that hands it over."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Aside:
    """At most one piece at a time, each on a thread of its own. Used by one thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Whether what was begun last goes on."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, work: Callable[[], None]) -> None:
        """Begin ``work`` once what was begun before has ended; if that failed, raise its error instead."""
        self.finish()
        self._thread = threading.Thread(target=self._run, args=(work,), name=self._name, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for what was begun, and raise what it raised, once."""
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # it is raised to who hands over the next
            self._error = error
