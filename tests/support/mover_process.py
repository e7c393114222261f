"""A mover in a process whose clock is wrong, to be killed anywhere.

``python -m tests.support.mover_process POSTGRES_URL HOT_SECONDS CLOCK_OFFSET_SECONDS``. Without the lease, so that
several move at the same time. Prints a line a batch: how many posts, and what this process takes for now.
"""

from __future__ import annotations

import datetime
import sys
import time
from typing import Any

_time, _time_ns = time.time, time.time_ns


def set_clock(offset_seconds: float) -> None:
    """From here on every reading of the local clock is off. Before anything of ours is imported."""

    class Shifted(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime.datetime:
            return datetime.datetime.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> datetime.datetime:
            return datetime.datetime.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

    time.time = lambda: _time() + offset_seconds
    time.time_ns = lambda: _time_ns() + round(offset_seconds * 1e9)
    datetime.datetime = Shifted  # type: ignore[misc]


def main() -> None:
    url, hot_seconds, offset = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    set_clock(offset)
    import threading

    from services.worker.mover import Mover
    from shared.config.settings import Settings
    from shared.errors import StoreRejected, StoreUnavailable
    from shared.store.database import Database

    database = Database(Settings(postgres_url=url), name="mover", size=2)
    database.open()
    mover = Mover(database, hot_seconds, 0, "test", threading.Event(), lambda *_: None, batch=20)
    while True:
        try:
            moved = mover.move().posts
        except (StoreUnavailable, StoreRejected) as error:
            sys.stdout.write(f"error {error}\n")
            moved = 0
        sys.stdout.write(f"{moved} {time.time():.0f}\n")
        sys.stdout.flush()
        time.sleep(0.0 if moved else 0.05)


if __name__ == "__main__":
    main()
