"""What the worker does for the vector index: pgvector's chunks, and the comparison with the record."""

from __future__ import annotations

import threading
from collections.abc import Callable

from services.worker import metrics
from shared.config.settings import Settings
from shared.errors import FencedError
from shared.store.database import Database
from shared.vectors.index import VectorIndex
from shared.vectors.keeper import Keeper
from shared.vectors.repair import Repair


class VectorCare:
    """One look at both. The index is opened when first needed: Qdrant's client costs memory."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        index: Callable[[Settings, Database], VectorIndex],
        holder: str,
        stop: threading.Event,
    ) -> None:
        self._settings, self._database, self._open, self._holder, self._stop = settings, database, index, holder, stop
        self._keeper = Keeper(settings, database) if settings.vector_backend == "pgvector" else None
        self._index: VectorIndex | None = None
        self._repair: Repair | None = None

    def __call__(self) -> None:
        """Raises StoreUnavailable and IndexUnavailable."""
        if self._keeper is not None:
            tended = self._keeper(self._stop)
            metrics.VECTOR_INDEXES.inc(tended.built)
            metrics.VECTOR_CHUNKS_DROPPED.inc(tended.dropped)
        if self._settings.vector_backend == "memory":
            return
        if self._repair is None or self._index is None:
            self._index = self._open(self._settings, self._database)
            self._repair = Repair(self._database, self._index, self._holder)
        for model in self._index.models():
            metrics.VECTORS.labels(model).set(self._index.count(model))
        try:
            found = self._repair(self._stop)
        except FencedError:
            return
        metrics.VECTORS_MISSING.inc(found.missing)
        metrics.VECTORS_EXTRA.inc(found.extra)
