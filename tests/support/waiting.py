"""Waiting for a condition with a deadline, instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(probe: Callable[[], Found], *, seconds: float = 20.0) -> Found:
    """The first truthy answer of ``probe``. AssertionError when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        if found := probe():
            return found
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)
