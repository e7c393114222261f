"""The product's pipeline: decode, dedupe, terms and fingerprints, one transaction with the cursor.

A fourth argument ``bare`` leaves terms and fingerprints out, which no peer makes either.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

from bench.contestants.measure import run
from services.relay.feed import ensure_feed
from services.relay.frames import Frame
from services.relay.pipeline import runner
from services.relay.pipeline.runner import Pipeline
from services.relay.pipeline.store import Origin
from services.relay.spec import FeedSpec
from services.relay.state import DatabaseClock
from shared.config.settings import Settings
from shared.store.database import Database

SPEC = FeedSpec("bench", "jetstream", "ws://bench.example", 0)
ORIGIN = Origin("bench", "jetstream/1", "bench.example")


def ingest(url: str, path: str, batch: int) -> None:
    """The file's frames, stored."""
    if "bare" in sys.argv[4:]:
        runner.count = lambda posts: None
    database = Database(Settings(postgres_url=url), name="bench", size=2)
    database.open()
    cursor = ensure_feed(database, SPEC, ORIGIN, start_us=0)
    clock = DatabaseClock()
    clock.set(cursor.now_us)
    pipeline = Pipeline(database, ORIGIN, clock, cursor.position)
    with Path(path).open("rb") as file:
        while lines := list(islice(file, batch)):
            pipeline.process([Frame(line, len(line)) for line in lines])
    database.close()


if __name__ == "__main__":
    run(ingest)
