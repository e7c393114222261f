"""Reads the record in the order it was stored and shows it to the engine, feed beside feed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from services.api.metrics import MOMENTUM_POSTS
from services.api.momentum.journal import Journal
from services.api.momentum.ports import TickLike
from services.api.momentum.watermark import MINUTE_US, Reach, furthest_behind, watermark
from shared.store import momentum as store
from shared.store.database import Database

BATCH_POSTS = 5_000
#: Observed at once at most, in event time: less than the engine keeps open.
CHUNK_US = 30 * MINUTE_US
_FIRST_GAP = str(UUID(int=0))


class Place(msgspec.Struct):
    """What was observed of one feed: positions in its posts, deletions and gaps, and event time."""

    post: int
    deletion: int
    gap: str = _FIRST_GAP
    time_us: int = 0


class Following:
    """The engine in memory and what it covers. Dropped and loaded anew after any failure."""

    def __init__(self, journal: Journal, places: dict[str, Place]) -> None:
        self.journal, self.places = journal, places
        self._reaches: dict[str, Reach] = {}
        self.newest_us = 0
        self.retracted: list[str] = []
        self.ticks: list[TickLike] = []

    @property
    def drained(self) -> bool:
        """Whether everything stored was observed."""
        return furthest_behind(self._reaches) is None

    def catch_up(self, database: Database, *, seconds: float) -> None:
        """Observe what was stored since, for at most about ``seconds``; ticks gather in ``ticks``."""
        deadline = time.monotonic() + seconds
        horizons = {horizon.feed: horizon for horizon in database.fetch(store.HORIZONS)}
        self.newest_us = max((horizon.event_us for horizon in horizons.values()), default=0)
        self._reaches = {}
        # A feed that was removed and is added again begins anew.
        for removed in self.places.keys() - horizons.keys():
            del self.places[removed]
        for feed, horizon in horizons.items():
            place = self._place(database, feed)
            self._read_gaps(database, feed, place)
            self._reaches[feed] = Reach(place.time_us, drained=False, silent=horizon.silent)
        while (behind := furthest_behind(self._reaches)) is not None and time.monotonic() < deadline:
            self._read_posts(database, horizons[behind])
        for feed in horizons:
            self._read_deletions(database, feed, self.places[feed])
        self._advance()

    def _place(self, database: Database, feed: str) -> Place:
        """Where we are in ``feed``; a feed not seen before begins with its last 24 hours."""
        if feed not in self.places:
            start = database.fetch(store.REBUILD_FROM, {"feed": feed})[0]
            self.places[feed] = Place(post=start.post, deletion=start.deletion)
        return self.places[feed]

    def _read_posts(self, database: Database, horizon: store.Horizon) -> None:
        """One batch of the feed, or less where another feed falls behind: all advance together."""
        feed, place = horizon.feed, self.places[horizon.feed]
        posts = database.fetch(store.POSTS_AFTER, {"feed": feed, "after": place.post, "limit": BATCH_POSTS})
        for chunk in chunks(posts):
            if furthest_behind(self._reaches) != feed:
                return
            self.journal.observe(chunk)
            MOMENTUM_POSTS.inc(len(chunk))
            place.post = chunk[-1].seq
            place.time_us = max([place.time_us, *(post.time_us for post in chunk)])
            self._reaches[feed] = Reach(place.time_us, drained=False, silent=horizon.silent)
            self._advance()
        if len(posts) < BATCH_POSTS:
            # The horizon was read before the posts, so every post it covers has been observed.
            place.time_us = max(place.time_us, horizon.event_us)
            self._reaches[feed] = Reach(place.time_us, drained=True, silent=horizon.silent)

    def _read_gaps(self, database: Database, feed: str, place: Place) -> None:
        for gap in database.fetch(store.GAPS_AFTER, {"feed": feed, "after": place.gap, "limit": BATCH_POSTS}):
            self.journal.gap(gap.start_us, gap.end_us)
            place.gap = gap.id

    def _read_deletions(self, database: Database, feed: str, place: Place) -> None:
        found = database.fetch(store.DELETIONS_AFTER, {"feed": feed, "after": place.deletion, "limit": BATCH_POSTS})
        if found:
            posts = [deletion.post for deletion in found]
            self.journal.retract(posts)
            self.retracted += posts
            place.deletion = found[-1].seq

    def _advance(self) -> None:
        if (reached := watermark(self._reaches)) is not None:
            self.ticks += self.journal.advance(reached)


def chunks(posts: Sequence[store.PostSeen]) -> Iterator[Sequence[store.PostSeen]]:
    """``posts`` in order, cut where event time has moved on by CHUNK_US."""
    begin = 0
    for index, post in enumerate(posts):
        if post.time_us - posts[begin].time_us > CHUNK_US:
            yield posts[begin:index]
            begin = index
    if posts:
        yield posts[begin:]
