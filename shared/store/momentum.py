"""What the momentum job follows (posts, deletions, gaps by position) and its one-row checkpoint."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class Horizon(Schema, frozen=True, kw_only=True):
    """How far a feed's stored events reach. ``silent``: nothing more is to be expected of it now."""

    feed: str
    event_us: int
    silent: bool


class PostSeen(Schema, frozen=True, kw_only=True):
    """What counting needs of a post."""

    seq: int
    id: str
    time_us: int
    author: int
    terms: list[str]
    fingerprint: int
    language: str


class Deleted(Schema, frozen=True, kw_only=True):
    """One deletion, in the order stored."""

    seq: int
    post: str


class GapSeen(Schema, frozen=True, kw_only=True):
    """One gap, in the order stored (ids are UUIDv7)."""

    id: str
    start_us: int
    end_us: int


class Position(Schema, frozen=True, kw_only=True):
    """A place in a feed's posts and deletions."""

    post: int
    deletion: int


class Checkpoint(Schema, frozen=True, kw_only=True):
    """The engine's snapshot, what it was told since, in order, and exactly what both cover."""

    positions: dict[str, Any]
    snapshot: bytes
    told: list[bytes]
    as_of: datetime | None
    baseline_from: datetime | None


class Clock(Schema, frozen=True, kw_only=True):
    """The event time the figures hold for, and the start of the baseline."""

    as_of: datetime | None
    baseline_from: datetime | None


def _us(column: str) -> str:
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


#: Silent is what is paused, being removed or read to its end, and what stored nothing for a minute.
HORIZONS = Statement(
    f"""SELECT at.feed, {_us("at.event_time")} AS event_us,
               NOT feed.enabled OR coalesce(said.status = 'ended', false)
                 OR at.updated_at < now() - interval '60 seconds' AS silent
          FROM feed_cursor at JOIN feed ON feed.id = at.feed LEFT JOIN feed_report said ON said.feed = at.feed
         ORDER BY at.feed""",
    Horizon,
)
_OBSERVED = f"""seq, id::text, {_us("event_time")} AS time_us, author_hash AS author, terms, fingerprint,
               coalesce(languages[1], '') AS language"""
#: Next posts of a feed in the order committed (each feed has one writer). Tombstones are left out. Posts that are
#: cold by now are read where they lie, which nobody does who is not behind by the whole hot window, or begins anew.
POSTS_AFTER = Statement(
    f"""(SELECT {_OBSERVED} FROM post
          WHERE feed = %(feed)s AND seq > %(after)s AND deleted_at IS NULL ORDER BY seq LIMIT %(limit)s)
         UNION ALL
        (SELECT {_OBSERVED} FROM post_archive
          WHERE feed = %(feed)s AND seq > %(after)s
            AND (SELECT seq FROM post_archive_reach WHERE feed = %(feed)s) > %(after)s ORDER BY seq LIMIT %(limit)s)
         ORDER BY seq LIMIT %(limit)s""",
    PostSeen,
)
DELETIONS_AFTER = Statement(
    """SELECT seq, post::text FROM post_deletion WHERE feed = %(feed)s AND seq > %(after)s AND NOT unseen
        ORDER BY seq LIMIT %(limit)s""",
    Deleted,
)
GAPS_AFTER = Statement(
    f"""SELECT id::text, {_us("start_time")} AS start_us, {_us("end_time")} AS end_us FROM feed_gap
         WHERE feed = %(feed)s AND id > %(after)s::uuid AND end_time > now() - interval '8 days'
         ORDER BY id LIMIT %(limit)s""",
    GapSeen,
)
#: Where a rebuild begins: the first post of the last 24 hours of the feed's event time.
REBUILD_FROM = Statement(
    """SELECT coalesce((SELECT min(seq) FROM every_post WHERE feed = %(feed)s AND event_time >=
                  (SELECT event_time - interval '24 hours' FROM feed_cursor WHERE feed = %(feed)s)),
                greatest((SELECT max(seq) + 1 FROM post WHERE feed = %(feed)s),
                         (SELECT seq + 1 FROM post_archive_reach WHERE feed = %(feed)s)), 1) - 1 AS post,
              coalesce((SELECT max(seq) FROM post_deletion WHERE feed = %(feed)s), 0) AS deletion""",
    Position,
)

LOAD = Statement(
    """SELECT positions, snapshot, as_of, baseline_from,
              ARRAY(SELECT told FROM momentum_told ORDER BY number) AS told FROM momentum_state""",
    Checkpoint,
)
CLOCK = Statement("SELECT as_of, baseline_from FROM momentum_state", Clock)
#: With a snapshot, which covers all that was told before.
SAVE = Command(
    """WITH covered AS (DELETE FROM momentum_told)
       INSERT INTO momentum_state (one, positions, snapshot, as_of, baseline_from)
       VALUES (true, %(positions)s::jsonb, %(snapshot)s, %(as_of)s, %(baseline_from)s)
       ON CONFLICT (one) DO UPDATE SET
         positions = excluded.positions, snapshot = excluded.snapshot, as_of = excluded.as_of,
         baseline_from = excluded.baseline_from, updated_at = now()"""
)
#: With what the engine was told instead; the snapshot stays as it lies, its bytes are not written again.
SAVE_TOLD = Command(
    """WITH told AS (INSERT INTO momentum_told (number, told) VALUES (%(number)s, %(told)s))
       UPDATE momentum_state SET positions = %(positions)s::jsonb, as_of = %(as_of)s,
              baseline_from = %(baseline_from)s, updated_at = now()"""
)
