"""Relay, API and worker in one process: one interpreter, one copy of every library, half the memory."""

from __future__ import annotations

import threading

from services.solo.entries import ENTRIES
from shared.config.settings import Settings
from shared.telemetry import logs


def run_combined(settings: Settings, stop: threading.Event) -> int:
    """Run all three until ``stop`` is set. When one ends by itself all end, so that the supervisor restarts them."""
    codes: dict[str, int] = {}

    def work(name: str) -> None:
        try:
            codes[name] = ENTRIES[name]()(settings, stop)
        except Exception:
            logs.get(__name__).exception("unit_crashed", crashed=name)
            codes[name] = 1
        finally:
            stop.set()

    threads = [threading.Thread(target=work, args=(name,), name=name) for name in ENTRIES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(codes.values(), default=1)
