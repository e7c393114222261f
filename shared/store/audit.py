"""Reads for counting what is stored against what was served (``up --once``, torture runs)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.schemas.base import Schema
from shared.store.database import Statement


class FeedTotals(Schema, frozen=True, kw_only=True):
    """What a feed's cursor covers. ``position`` is in the feed's own measure (Jetstream: microseconds)."""

    feed: str
    position: int
    events: int


class PostKey(Schema, frozen=True, kw_only=True):
    """Identity of a stored post; tombstones included."""

    id: UUID
    event_time: datetime


class Totals(Schema, frozen=True, kw_only=True):
    """Whole-table counts. ``duplicated``: rows beyond one for the same post."""

    stored: int
    duplicated: int
    embedded: int


FEED_TOTALS = Statement("SELECT feed, position, events FROM feed_cursor WHERE feed = %(feed)s", FeedTotals)
POST_KEYS = Statement("SELECT id, event_time FROM every_post AS post WHERE feed = %(feed)s", PostKey)
TOTALS = Statement(
    """SELECT count(*) AS stored, count(*) - count(DISTINCT uri) AS duplicated,
         (SELECT count(DISTINCT post) FROM post_vector) AS embedded
       FROM every_post AS post""",
    Totals,
)
