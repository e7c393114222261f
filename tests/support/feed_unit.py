"""One feed's unit over a database of its own, ended and begun again as often as a test likes."""

from __future__ import annotations

import threading
from typing import Any

from services.relay.backoff import Backoff
from services.relay.feed import FeedUnit, ensure_feed
from services.relay.pipeline.store import Origin
from services.relay.sources.registry import Kind, kind_of
from services.relay.spec import FeedSpec
from shared.config.settings import Settings
from shared.schemas.base import Schema
from shared.store import cursors
from shared.store.database import Database, Statement


class Row(Schema, frozen=True, kw_only=True):
    text: str


SHOWN = Statement("SELECT uri AS text FROM post WHERE deleted_at IS NULL", Row)
REASONS = Statement("SELECT DISTINCT reason AS text FROM quarantine ORDER BY 1", Row)
GAPS = Statement("SELECT cause AS text FROM feed_gap", Row)


class Nobody:
    """Stands in for the embed and publish stages."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_given: None


class Unit:
    """``spec`` from ``start_us`` on; use as a context manager, again and again."""

    def __init__(
        self, database: Database, spec: FeedSpec, settings: Settings, start_us: int, kind: Kind | None = None
    ) -> None:
        self.database, self.spec, self.settings = database, spec, settings
        self._kind = kind or kind_of(spec)
        ensure_feed(database, spec, Origin(spec.id, "", ""), start_us=start_us)

    def __enter__(self) -> Unit:
        self._stop, nobody = threading.Event(), Nobody()
        self.unit = FeedUnit(
            self.spec, self._kind, self.settings, self.database, nobody, nobody, self._stop, Backoff(0.02, 0.1)
        )
        self.unit.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.unit.join()

    def counters(self) -> cursors.Counters:
        found = self.database.fetch_one(cursors.COUNTERS, {"feed": self.spec.id})
        assert found is not None
        return found

    def all(self, statement: Statement[Row]) -> list[str]:
        return [row.text for row in self.database.fetch(statement)]
