"""Signals that ask a process to end."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType


def set_at(stop: threading.Event, *numbers: signal.Signals) -> None:
    """Set ``stop`` when one of the signals comes; further ones change nothing. For the main thread.

    A handler runs in the middle of whatever the main thread does. That is mostly ``stop.wait()``, which may hold the
    event's lock at that moment: ``stop.set()`` in the handler would wait for itself, and the process would never end.
    So the handler only writes to a pipe, and a thread sets the event.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def told(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):  # full: it was told often enough
            os.write(writing, b"\0")

    def pass_on() -> None:
        os.read(reading, 1)
        stop.set()

    threading.Thread(target=pass_on, name="signals", daemon=True).start()
    for number in numbers:
        signal.signal(number, told)
