"""What lies behind an alert: which words matched, in which languages, and a few of the posts."""

from __future__ import annotations

import msgspec

from services.api.watches.minutes import time_of
from services.api.watches.series import Stretch
from shared.schemas.alert import AlertPost, MatchedWord
from shared.store import matching
from shared.store.database import Database


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Of one stretch."""

    samples: list[AlertPost]
    matched: list[MatchedWord]
    languages: list[str]
    topics: list[str]


def gather(database: Database, where: matching.Condition, stretch: Stretch) -> Evidence:
    """Read it. Raises StoreUnavailable."""
    params = where.params | {"start": time_of(stretch.start), "end": time_of(stretch.end)}
    with database.transaction() as transaction:
        samples = transaction.fetch(matching.samples(where), params)
        counts = transaction.fetch(matching.words(where), params)[0].counts
        languages = transaction.fetch(matching.languages(where), params)
        topics = transaction.fetch(matching.topics(where), params)
    found = [MatchedWord(word=word, posts=posts) for word, posts in zip(where.words, counts, strict=True) if posts]
    return Evidence(
        samples=[row.sample() for row in samples],
        matched=sorted(found, key=lambda word: -word.posts),
        languages=[tally.value for tally in languages],
        topics=[tally.value for tally in topics],
    )
