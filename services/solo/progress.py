"""What a person sees while the platform starts: a line a step, with what it does and how long it took."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """Writes to a stream (standard error: standard output belongs to results)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._started = time.monotonic()

    @property
    def elapsed_seconds(self) -> float:
        """Since this object was made."""
        return time.monotonic() - self._started

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say ``what`` begins, and how long it took or that it failed."""
        begun = time.monotonic()
        self._write(f"  {what:<52}", end="")
        try:
            yield
        except BaseException as error:
            self._write(" stopped" if isinstance(error, KeyboardInterrupt) else " failed")
            raise
        self._write(f" {time.monotonic() - begun:6.1f} s")

    def say(self, line: str) -> None:
        """A line by itself."""
        self._write(line)

    def _write(self, text: str, end: str = "\n") -> None:
        # A terminal that was closed must not keep the stack from ending its children in order.
        with contextlib.suppress(OSError):
            self._stream.write(text + end)
            self._stream.flush()
