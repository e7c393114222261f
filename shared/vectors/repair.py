"""Finds what the record has and the vector index lacks, and the reverse, and has both mended by the relay.

Both are walked in the order of post ids, some at a time. Posts without a vector are put with those that want
one; vectors without a post with those to be removed. Where a pass is lies in the record, in the transaction that
notes what was found: killed anywhere, it goes on. One process at a time does it, by a lease on the database's clock.

An index that was emptied under us (a collection deleted, a server that came back without its disk, an old snapshot)
answers as if all were well. So each look counts its vectors, and when half of them are gone a pass is due at once.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import UUID

import msgspec

from shared.errors import FencedError
from shared.store import leases
from shared.store import vector_repair as statements
from shared.store.database import Database
from shared.telemetry import logs
from shared.vectors.index import VectorIndex

LEASE, LEASE_SECONDS = "vector-repair", 60
#: Ids compared at a time, and the pause after that: a million take some minutes and hurt nobody.
BATCH, PAUSE_SECONDS = 2_000, 0.1
#: A pass begins so long after the last one ended.
EVERY_SECONDS = 6 * 3600
#: Fewer vectors than these tell nothing.
LEAST_LOST = 100


class Found(msgspec.Struct, frozen=True):
    """Posts without a vector, and vectors without a post, that were noted to be mended."""

    missing: int = 0
    extra: int = 0
    looked: int = 0


class Repair:
    """``holder`` names this process. Used by one thread."""

    def __init__(
        self, database: Database, index: VectorIndex, holder: str, *, batch: int = BATCH, pause: float = PAUSE_SECONDS
    ) -> None:
        self._database, self._index, self._batch, self._pause = database, index, batch, pause
        self._lease = {"name": LEASE, "holder": holder, "seconds": LEASE_SECONDS}
        #: Vectors that each model should have had at the last look.
        self._counted: dict[str, int] = {}

    def __call__(self, stop: threading.Event, every: float = EVERY_SECONDS) -> Found:
        """A pass over each model, where one is due or was cut off; nothing while another process does it.

        Raises StoreUnavailable, IndexUnavailable, and FencedError when another process took over.
        """
        lease = self._database.fetch_one(leases.TAKE, self._lease)
        if lease is None:
            return Found()
        held = {**self._lease, "epoch": lease.epoch}
        found = Found()
        try:
            for row in self._database.fetch(statements.COMPLETE):
                if self._is_lost(row.model):
                    self._database.execute(statements.ANEW, {"model": row.model})
                found = _sum(found, self._model(row.model, held, stop, every))
        finally:
            self._database.fetch(leases.RELEASE, held)
        if found.missing or found.extra:
            logs.get(__name__).warning("vectors_repaired", missing=found.missing, extra=found.extra)
        return found

    def _is_lost(self, model: str) -> bool:
        """Whether half of the vectors are gone since the last look; at the first one, half of what should be there."""
        before = self._counted.get(model)
        if before is None:
            before = self._database.fetch(statements.EXPECTED)[0].posts
        self._counted[model] = count = self._index.count(model)
        if before < LEAST_LOST or count > before / 2:
            return False
        logs.get(__name__).warning("vectors_lost", model=model, vectors=count, expected=before)
        return True

    def _model(self, model: str, held: dict[str, object], stop: threading.Event, every: float) -> Found:
        now = self._database.fetch(statements.BEGIN, {"model": model, "seconds": every})[0]
        found = Found()
        if not now.due:
            return found
        self._database.execute(statements.AGAIN, {"model": model})
        now = self._database.fetch(statements.BEGIN, {"model": model, "seconds": every})[0]
        after, last = now.after, False
        while not last and not stop.is_set():
            # The index first: a vector made meanwhile has its post here, or in what waits.
            kept = self._index.scan(model, after, self._batch)
            known = self._database.fetch(statements.POSTS, {"after": after, "limit": self._batch})
            posts, bound = [row.id for row in known], _bound(kept, [row.id for row in known], self._batch)
            last = bound is None
            in_index = {post for post in kept if last or post <= bound}  # type: ignore[operator]
            in_record = {post for post in posts if last or post <= bound}  # type: ignore[operator]
            missing = [row.id for row in known if row.wants and row.id in in_record - in_index]
            extra = sorted(in_index - in_record)
            with self._database.transaction() as transaction:
                if not transaction.fetch(leases.FENCE, held):
                    raise FencedError("Another process compares the vectors now.")
                wanted = transaction.execute(statements.WANT, {"posts": missing})
                removed = transaction.execute(statements.REMOVE, {"posts": extra})
                after = after if bound is None else bound
                counted = {"missing": wanted, "extra": removed, "last": last, "after": after}
                transaction.execute(statements.MOVE, {"model": model, **counted})
            found = _sum(found, Found(wanted, removed, len(in_index | in_record)))
            if not last:
                stop.wait(self._pause)
        return found


def _bound(kept: Sequence[UUID], posts: Sequence[UUID], batch: int) -> UUID | None:
    """Up to where both pages are whole; ``None``: to the end."""
    ends = [page[-1] for page in (kept, posts) if len(page) == batch]
    return min(ends) if ends else None


def _sum(one: Found, other: Found) -> Found:
    return Found(one.missing + other.missing, one.extra + other.extra, one.looked + other.looked)
