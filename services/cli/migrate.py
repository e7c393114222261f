"""``groundswell migrate``: the one-shot job that must end well before any service starts."""

from __future__ import annotations

import argparse
import sys
import time

from shared.config.load import load
from shared.errors import StoreUnavailable
from shared.store.capacity import check_capacity
from shared.store.database import Database
from shared.store.migrate import migrate

PAUSE_SECONDS = 0.5


def arguments(parser: argparse.ArgumentParser) -> None:
    """How long to wait for PostgreSQL."""
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="wait so long for PostgreSQL (default 0)"
    )


def run(options: argparse.Namespace) -> int:
    """Apply what is missing and name it; refuse pools that the server cannot serve."""
    settings = load("worker")
    database = Database(settings, name="migrate", size=1)
    database.open()
    try:
        applied = _migrate(database, options.wait)
        check_capacity(database, settings)
    finally:
        database.close()
    print("\n".join(applied) or "The schema is up to date.")
    return 0


def _migrate(database: Database, seconds: float) -> list[str]:
    """``migrate``, again and again for ``seconds`` while PostgreSQL is away."""
    deadline = time.monotonic() + seconds
    waiting = False
    while True:
        try:
            return migrate(database)
        except StoreUnavailable:
            if time.monotonic() >= deadline:
                raise
            if not waiting:
                print("PostgreSQL is not there yet. Waiting for it.", file=sys.stderr)
            waiting = True
        time.sleep(PAUSE_SECONDS)
