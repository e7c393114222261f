"""The job that groups the last hour, once a minute, in one API process; all of them read what it stored.

The window ends at the newest stored event. Which posts it holds is read from the record each time, so that deleted
posts leave and late ones enter; only posts that are new to it are read with their terms and vectors. Clusters and the
engine's snapshot are written in one transaction that is fenced by the lease: after a kill, or with another leader, the
next refresh goes on with the same ids, labels and places.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import numpy as np

from services.api.clusters.config import ClusterConfig
from services.api.clusters.model import Conversation, Item, Picture
from services.api.clusters.ports import EngineLike, EngineMaker
from services.api.clusters.told import told
from services.api.metrics import (
    CLUSTER_COVERAGE,
    CLUSTER_REFRESH_SECONDS,
    CLUSTER_SCATTERED,
    CLUSTERS,
)
from services.api.scheduler.lease import Lease
from shared.errors import IndexUnavailable, InputError
from shared.schemas.vector import DIMENSION, Vectors
from shared.store import clusters as store
from shared.store.database import Database
from shared.telemetry import logs
from shared.telemetry.health import State as Health
from shared.vectors.index import VectorIndex

EVERY_SECONDS = 60.0
#: While few posts have their vector, the picture changes quickly.
EARLY_SECONDS = 15.0
#: Posts read from the record, and vectors from the index, in one question.
READ_POSTS, READ_VECTORS = 2_000, 500
#: Below this share of posts with a vector, the view says that it shows a part.
COVERED = 0.8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IDS = 1 << 128
_STEP = 0.8

#: The model whose vectors are compared, or ``None`` and why there is none.
ModelName = Callable[[], tuple[str | None, str]]


class _Post(msgspec.Struct):
    """A post of the window in memory; ``vector`` is float16 until there is more to do with it."""

    item: Item
    vector: np.ndarray | None = None


class ClusterJob:
    """``say`` is told how we are."""

    def __init__(
        self,
        database: Database,
        index: VectorIndex,
        model: ModelName,
        maker: EngineMaker,
        *,
        say: Callable[[Health, str | None], None],
        every: float = EVERY_SECONDS,
    ) -> None:
        self._database, self._index, self._model, self._maker = database, index, model, maker
        self._say, self._every = say, every
        self._config: ClusterConfig = maker.config
        self._engine: EngineLike | None = None
        self._of_model = ""
        self._posts: dict[UUID, _Post] = {}
        self._due = 0.0

    def forget(self) -> None:
        """Begin from the stored snapshot next time."""
        self._engine, self._posts, self._due = None, {}, 0.0

    def run(self, lease: Lease) -> bool:
        """One refresh, when it is time. Raises FencedError when another process has taken over."""
        if time.monotonic() < self._due:
            return False
        model, reason = self._model()
        if model is None:
            self._tell(lease, "off", reason)
            self._due = time.monotonic() + EARLY_SECONDS
            return False
        try:
            with CLUSTER_REFRESH_SECONDS.time():
                covered = self._refresh(lease, model)
        except IndexUnavailable as error:
            logs.get(__name__).warning("clusters_wait_for_index", reason=str(error))
            self._tell(lease, "degraded", "The vector index did not answer: what is shown is from before.")
            covered = False
        self._due = time.monotonic() + (self._every if covered else min(self._every, EARLY_SECONDS))
        return False

    # --- one refresh ----------------------------------------------------------------------------
    def _refresh(self, lease: Lease, model: str) -> bool:
        """Whether most posts of the window have their vector."""
        window = self._database.fetch_one(store.WINDOW, {"minutes": self._config.window_minutes})
        if window is None or window.until is None:
            self._tell(lease, "ok", None)
            return False
        engine, self._engine = self._engine or self._load(model), None
        if model != self._of_model:
            engine, self._posts, self._of_model = self._maker.engine(None), {}, model
        self._read_posts(window.until, window.posts)
        self._read_vectors(model)
        ready = [post for post in self._posts.values() if post.vector is not None]
        ready.sort(key=lambda post: (post.item.time_us, post.item.post))
        until_us = (window.until - _EPOCH) // timedelta(microseconds=1)
        picture = engine.refresh([post.item for post in ready], _stacked(ready), until_us)
        self._write(lease, model, window, picture, engine.snapshot())
        self._engine = engine  # only a refresh that was stored is continued in memory
        return len(ready) >= COVERED * len(self._posts)

    def _read_posts(self, until: datetime, posts: int) -> None:
        """Bring ``self._posts`` to a sample of the window's ``posts``."""
        params = {
            "since": until - timedelta(minutes=self._config.window_minutes),
            "until": until,
            "bound": bound_of(posts, self._config.most_posts),
            "limit": self._config.most_posts,
        }
        wanted = [row.id for row in self._database.fetch(store.SAMPLE, params)]
        kept = {id: self._posts[id] for id in wanted if id in self._posts}
        fresh = [id for id in wanted if id not in kept]
        for start in range(0, len(fresh), READ_POSTS):
            for row in self._database.fetch(store.SEEN, {"posts": fresh[start : start + READ_POSTS]}):
                kept[row.id] = _Post(
                    Item(row.id, row.time_us, row.author, row.fingerprint, row.language, tuple(row.terms))
                )
        self._posts = kept

    def _read_vectors(self, model: str) -> None:
        wanted = [id for id, post in self._posts.items() if post.vector is None]
        for start in range(0, len(wanted), READ_VECTORS):
            for id, vector in self._index.vectors(model, wanted[start : start + READ_VECTORS]).items():
                # Half precision is what the indexes keep, and is half the memory.
                self._posts[id].vector = np.asarray(vector, dtype=np.float16)

    # --- the record -----------------------------------------------------------------------------
    def _load(self, model: str) -> EngineLike:
        kept = self._database.fetch_one(store.LOAD)
        self._of_model = model
        if kept is None or kept.snapshot is None or kept.model != model:
            return self._maker.engine(None)
        try:
            return self._maker.engine(kept.snapshot)
        except InputError as error:
            logs.get(__name__).warning("clusters_begin_anew", reason=str(error))
            return self._maker.engine(None)

    def _write(self, lease: Lease, model: str, window: store.Window, picture: Picture, snapshot: bytes) -> None:
        sampled, compared = len(self._posts), picture.compared
        coverage = compared / sampled if sampled else 1.0
        state, reason = _state(window.posts, coverage)
        with self._database.transaction() as transaction:
            lease.fence(transaction)
            topics = transaction.fetch(store.TOPICS, _members(picture.conversations))
            transaction.execute(store.END_OTHERS, {"live": [one.id for one in picture.conversations]})
            for one in picture.conversations:
                body = told(one, topics, posts=window.posts, sampled=sampled)
                transaction.execute(
                    store.PUT, {"id": one.id, "told": msgspec.json.encode(body).decode(), "posts": one.members}
                )
            transaction.execute(
                store.SAVE,
                {
                    "model": model,
                    "snapshot": snapshot,
                    "as_of": window.until,
                    "posts": window.posts,
                    "sampled": sampled,
                    "compared": compared,
                    "scattered": picture.scattered,
                    "state": state,
                    "reason": reason,
                },
            )
        CLUSTERS.set(len(picture.conversations))
        CLUSTER_COVERAGE.set(coverage)
        CLUSTER_SCATTERED.set(picture.scattered / compared if compared else 0.0)
        self._say("ok", reason)

    def _tell(self, lease: Lease, state: str, reason: str | None) -> None:
        with self._database.transaction() as transaction:
            lease.fence(transaction)
            transaction.execute(store.SAY, {"state": state, "reason": reason})
        self._say("off" if state == "off" else "degraded" if state == "degraded" else "ok", reason)


def bound_of(posts: int, most: int) -> UUID:
    """The highest id in a sample of at most about ``most`` of ``posts``.

    The share goes in steps, so that the sample stays the same while the traffic changes a little.
    """
    share = 1.0
    while posts * share > most:
        share *= _STEP
    return UUID(int=min(_IDS - 1, int(share * _IDS)))


def _state(posts: int, coverage: float) -> tuple[str, str | None]:
    if posts and coverage < COVERED:
        having = round(coverage * posts)
        return "degraded", f"{having:,} of {posts:,} posts of the hour have their vector so far."
    return "ok", None


def _stacked(posts: list[_Post]) -> Vectors:
    if not posts:
        return np.empty((0, DIMENSION), dtype=np.float32)
    found: Vectors = np.array([post.vector for post in posts]).astype(np.float32)
    return found


def _members(conversations: list[Conversation]) -> dict[str, object]:
    pairs = [(one.id, post) for one in conversations for post in one.members]
    return {"clusters": [cluster for cluster, _ in pairs], "posts": [post for _, post in pairs]}
