"""``groundswell migrate``: the one-shot job that must end well before any service starts."""

from __future__ import annotations

import argparse

from shared.config.load import load
from shared.store.database import Database
from shared.store.migrate import migrate


def arguments(_parser: argparse.ArgumentParser) -> None:
    """No options."""


def run(_options: argparse.Namespace) -> int:
    """Apply what is missing and name it."""
    database = Database(load("worker"), name="migrate", size=1)
    database.open()
    try:
        applied = migrate(database)
    finally:
        database.close()
    print("\n".join(applied) or "The schema is up to date.")
    return 0
