"""``groundswell migrate``: the one-shot job that must end well before any service starts."""

from __future__ import annotations

import argparse

from shared.config.load import load
from shared.store.capacity import check_capacity
from shared.store.database import Database
from shared.store.migrate import migrate


def arguments(_parser: argparse.ArgumentParser) -> None:
    """No options."""


def run(_options: argparse.Namespace) -> int:
    """Apply what is missing and name it; refuse pools that the server cannot serve."""
    settings = load("worker")
    database = Database(settings, name="migrate", size=1)
    database.open()
    try:
        applied = migrate(database)
        check_capacity(database, settings)
    finally:
        database.close()
    print("\n".join(applied) or "The schema is up to date.")
    return 0
