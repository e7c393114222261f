"""Which models' vectors are kept, and how one takes the place of another (decision 20).

The model in the settings is the one that is wanted. While the record's vectors are another's, both embed
what is new, and the wanted one goes through all that is stored, in a collection of its own; when nothing is
left they change places in one transaction, and the old vectors go a minute later. Every step is a row in
``vector_model``, so a kill at any point resumes, and going back half-way only drops what was begun.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from shared.embedding.embedder import Embedder
from shared.embedding.sharing import SharingEmbedder
from shared.errors import IndexUnavailable
from shared.store.pending import PendingPost
from shared.store.vector_models import VectorModel
from shared.telemetry import logs
from shared.vectors.index import VectorIndex

#: While nothing changes, the rows are looked at this often.
LOOK_SECONDS = 1.0


class ModelRows(Protocol):
    """The rows of ``vector_model``. Raises StoreUnavailable."""

    def read(self) -> list[VectorModel]:
        """All, the active one first."""
        ...

    def adopt(self, model: str) -> None:
        """The first of this record."""
        ...

    def build(self, model: str) -> None:
        """Begin to bring ``model`` up to the active one; others that were begun are given up."""
        ...

    def abandon(self, model: str) -> None:
        """Give up what is building, ``model`` apart."""
        ...

    def next(self, after: UUID, limit: int) -> list[PendingPost]:
        """Stored posts with greater ids, in their order."""
        ...

    def walked(self, model: str, after: UUID, done: int) -> None:
        """Its vectors are kept up to the post ``after``."""
        ...

    def complete(self, model: str) -> None:
        """It lacks nothing: if it was building it is the active one from now on, and the old one is gone."""
        ...

    def lose(self, model: str) -> None:
        """Nothing runs it."""
        ...

    def regain(self, model: str) -> None:
        """It runs again, and may have missed posts."""
        ...


class Working(msgspec.Struct, frozen=True):
    """A model whose vectors are kept, and what runs it."""

    row: VectorModel
    sharing: SharingEmbedder


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="relay-drop", daemon=True).start()


class Lineup:
    """Used by the embed stage's thread."""

    def __init__(
        self,
        rows: ModelRows,
        index: VectorIndex,
        load: Callable[[str | None], Embedder],
        apart: Callable[[Callable[[], None]], None] = _in_a_thread,
        *,
        steers: bool = True,
    ) -> None:
        """``load`` gives the model with an id, or, for ``None``, the one that the settings name. ``apart`` runs
        what takes long. Of several relays one ``steers`` which models there are; the others follow its rows."""
        self._steers = steers
        self._rows, self._index, self._load, self._apart = rows, index, load, apart
        self._dropping = threading.Lock()
        self._wanted: Embedder | None = None
        self._loaded: dict[str, SharingEmbedder] = {}
        self._swept = False
        self._known: list[Working] = []
        self._looked_at = 0.0

    @property
    def unasked(self) -> bool:
        """Whether no model was loaded yet."""
        return self._wanted is None

    @property
    def wanted(self) -> Embedder:
        """The model that the settings name; loaded when first asked for."""
        if self._wanted is None:
            self._wanted = self._load(None)
            if not self._wanted.turned_off:
                self._loaded[self._wanted.model] = SharingEmbedder(self._wanted)
        return self._wanted

    def working(self) -> list[Working]:
        """The models that can embed now, the active one first. Raises StoreUnavailable and IndexUnavailable."""
        if self._calm() and time.monotonic() - self._looked_at < LOOK_SECONDS:
            return self._known
        self.wanted.refresh()
        for sharing in self._loaded.values():
            sharing.embedder.refresh()
        rows = self._steered() if self._steers else self._rows.read()
        if self._steers and self._told_apart(rows):
            rows = self._rows.read()
        self._forget_others(rows)
        self._looked_at = time.monotonic()
        self._known = [work for work in map(self._work, rows) if work.sharing.embedder.available]
        return self._known

    def _calm(self) -> bool:
        """Whether nothing is under way that a look at the rows would bring further."""
        settled = self._swept and bool(self._known)
        return settled and all(work.row.complete and work.sharing.embedder.available for work in self._known)

    def _told_apart(self, rows: Sequence[VectorModel]) -> bool:
        """Whether rows changed, since a model stopped or began to run. Posts do not wait for one that does not.

        While nothing runs at all they do: then nothing is lost.
        """
        able = {row.model for row in rows if self._work(row).sharing.embedder.available}
        gone = [row.model for row in rows if row.model not in able and not row.lost] if able else []
        back = [row.model for row in rows if row.model in able and row.lost]
        for model in gone:
            logs.get(__name__).warning("vector_model_lost", model=model)
            self._rows.lose(model)
        for model in back:
            logs.get(__name__).info("vector_model_regained", model=model)
            self._rows.regain(model)
        return bool(gone or back)

    def walk(self, working: Sequence[Working]) -> Working | None:
        """Of ``working``, the one that still goes through what is stored."""
        if not self._steers:
            return None
        return next((work for work in working if not work.row.complete and not work.row.lost), None)

    def next(self, work: Working, limit: int) -> list[PendingPost]:
        """Stored posts that may lack a vector of it."""
        return self._rows.next(work.row.after, limit)

    def walked(self, work: Working, posts: Sequence[PendingPost]) -> None:
        """``posts`` have their vectors; none at all: it lacks nothing any more."""
        if posts:
            self._rows.walked(work.row.model, posts[-1].id, len(posts))
            return
        self._rows.complete(work.row.model)
        logs.get(__name__).info("vector_model_complete", model=work.row.model, was=work.row.state)
        self._swept = False

    def _steered(self) -> list[VectorModel]:
        """The rows, brought nearer to what is wanted."""
        wanted, rows = self.wanted.model, self._rows.read()
        if not rows:
            self._rows.adopt(self._kept_already(wanted))
            rows = self._rows.read()
        known = {row.model: row for row in rows}
        if wanted in known:
            if any(row.state == "building" and row.model != wanted for row in rows):
                self._rows.abandon(wanted)
                logs.get(__name__).info("vector_model_kept", model=wanted)
                rows, self._swept = self._rows.read(), False
        elif self.wanted.available:
            self._rows.build(wanted)
            logs.get(__name__).info("vector_model_building", model=wanted, active=rows[0].model)
            rows, self._swept = self._rows.read(), False
        return rows

    def _kept_already(self, wanted: str) -> str:
        """The model of the vectors that are there before any row says so: of a version without these rows."""
        models = self._index.models()
        if not models or wanted in models:
            return wanted
        return max(models, key=self._index.count)

    def _work(self, row: VectorModel) -> Working:
        if row.model not in self._loaded:
            self._loaded[row.model] = SharingEmbedder(self._load(row.model))
        return Working(row, self._loaded[row.model])

    def _forget_others(self, rows: Sequence[VectorModel]) -> None:
        """Models that are no longer kept leave memory at once, and the index after the grace."""
        kept = {row.model for row in rows} | {self.wanted.model}
        for model in self._loaded.keys() - kept:
            del self._loaded[model]
        if not self._steers:
            self._swept = True
        if self._swept or self._dropping.locked() or not all(row.settled for row in rows):
            return
        unwanted = [model for model in self._index.models() if model not in kept]
        if unwanted:
            self._apart(lambda: self._drop(unwanted))
        self._swept = not unwanted

    def _drop(self, models: Sequence[str]) -> None:
        """Removing a million vectors takes its time, which no new post should wait for."""
        with self._dropping:
            for model in models:
                try:
                    self._index.drop(model)
                except IndexUnavailable as error:  # it is tried again
                    logs.get(__name__).warning("vectors_not_dropped", model=model, why=str(error))
                else:
                    logs.get(__name__).info("vectors_dropped", model=model)
