"""Read everything a briefing says from the record, in one transaction: one consistent picture."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.worker.pipelines.contracts import Gathered
from shared.errors import NotFound
from shared.store import briefing
from shared.store.briefing import KeptRow, MinuteRow, TopicRow
from shared.store.database import Database

#: A briefing looks back at most so far.
LONGEST_RANGE = timedelta(hours=24)
#: Calm minutes shown before the beginning, so that the rise can be seen.
LEAD_IN = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)

MOST_CANDIDATES = 150
MOST_EARLIEST = 20
MOST_VOICES = 5
MOST_LANGUAGES = 6
MOST_LINKS = 8
MOST_GAPS = 50


def gather(database: Database, topic: str) -> Gathered:
    """The record about ``topic``. Raises NotFound when it is gone, StoreUnavailable."""
    with database.transaction() as transaction:
        row = transaction.fetch_one(briefing.TOPIC, {"topic": topic})
        if row is None:
            raise NotFound(
                "The topic no longer exists.",
                why="It ended and was removed after its retention.",
                do="Choose a topic from the present list and ask again.",
            )
        about = {"topic": topic, "chosen": row.representatives}
        most = int(LONGEST_RANGE / MINUTE)
        minutes = transaction.fetch(briefing.MINUTES, {"topic": topic, "limit": most})
        kept = transaction.fetch(briefing.KEPT, about)[0]
        start, end = covered(row, minutes, kept)
        return Gathered(
            topic=row,
            range_start=start,
            range_end=end,
            minutes=[minute for minute in minutes if start <= minute.minute < end],
            kept=kept,
            voices=transaction.fetch(briefing.VOICES, {**about, "limit": MOST_VOICES}),
            languages=transaction.fetch(briefing.LANGUAGES, {**about, "limit": MOST_LANGUAGES}),
            links=transaction.fetch(briefing.LINKS, {**about, "limit": MOST_LINKS}),
            earliest=transaction.fetch(briefing.EARLIEST, {**about, "limit": MOST_EARLIEST}),
            posts=transaction.fetch(briefing.CANDIDATES, {**about, "limit": MOST_CANDIDATES}),
            gaps=transaction.fetch(briefing.GAPS, {"start": start, "end": end, "limit": MOST_GAPS}),
        )


def covered(topic: TopicRow, minutes: list[MinuteRow], kept: KeptRow) -> tuple[datetime, datetime]:
    """The stretch of event time a briefing speaks about, in whole minutes."""
    known_end = minutes[-1].minute + MINUTE if minutes else kept.last_time or topic.updated_at
    end = _minute(known_end) if known_end == _minute(known_end) else _minute(known_end) + MINUTE
    first_post = kept.first_time or topic.began_at
    start = _minute(min(topic.began_at, first_post))
    if minutes:
        start = max(start - LEAD_IN, min(start, minutes[0].minute))
    start = max(start, end - LONGEST_RANGE)
    return min(start, end - MINUTE), end


def _minute(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)
