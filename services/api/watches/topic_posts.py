"""Which topics hold the posts that match, asked of the record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.api.watches.minutes import time_of
from services.api.watches.series import Stretch
from shared.store import matching
from shared.store.database import Database


class StoredTopicPosts:
    """``stories.TopicPosts`` of one rule. Raises StoreUnavailable."""

    def __init__(self, database: Database, where: matching.Condition) -> None:
        self._database, self._where = database, where

    def shares(self, among: Sequence[str], stretch: Stretch) -> dict[str, float]:
        """The part of the matching posts of ``stretch`` that each of ``among`` holds."""
        params = self._where.params | _bounds(stretch) | {"among": list(among)}
        return {row.topic: row.share for row in self._database.fetch(matching.shares(self._where), params)}

    def overlap(self, topic: str, others: Sequence[str], stretch: Stretch) -> float:
        """The part of the matching posts of ``topic`` that is in any of ``others``."""
        where = matching.within_topic(self._where, topic)
        params = where.params | _bounds(stretch) | {"others": list(others)}
        return self._database.fetch(matching.overlap(where), params)[0].share


def _bounds(stretch: Stretch) -> dict[str, datetime]:
    return {"start": time_of(stretch.start), "end": time_of(stretch.end)}
