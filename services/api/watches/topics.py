"""Momentum topics that touch a watch: one alert when one emerges, another each time it has grown fourfold."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from services.api.watches.episodes import GROWTH
from services.api.watches.evidence import gather
from services.api.watches.minutes import minute_of, time_of
from services.api.watches.series import Stretch
from shared.store import matching
from shared.store import watch_judging as store
from shared.store.database import Database

HOUR = 60


def touched_alerts(
    database: Database,
    where: matching.Condition,
    row: store.Due,
    told: dict[str, list[int]],
    at: datetime,
) -> tuple[list[dict[str, Any]], dict[str, list[int]]]:
    """Alerts to raise, and for each topic going on its next level and the posts an hour last told."""
    touched = database.fetch(store.live_topics(where), where.params | {"least": store.TOUCH_POSTS})
    going_on = {topic.id: told[topic.id] for topic in touched if topic.id in told}
    alerts = []
    for topic in touched:
        level, posts = going_on.get(topic.id, [0, 0])
        if topic.updated_at <= row.armed_at or (level and topic.posts_hour < GROWTH * posts):
            continue
        alerts.append(_alert(database, where, row, topic, level, at))
        going_on[topic.id] = [level + 1, topic.posts_hour]
    return alerts, going_on


def _alert(
    database: Database, where: matching.Condition, row: store.Due, topic: store.Touched, level: int, at: datetime
) -> dict[str, Any]:
    end = minute_of(at)
    within = matching.within_topic(where, topic.id)
    evidence = gather(database, within, Stretch(end - HOUR, end))
    digest = blake2b(f"{row.id}:{row.revision}:topic:{topic.id}:{level}".encode(), digest_size=16).digest()
    grown = " It has grown fourfold since the last alert." if level else ""
    return {
        "id": UUID(bytes=digest),
        "watch": row.id,
        "kind": "topic",
        "level": level,
        "began_at": topic.detected_at,
        "at": time_of(end),
        "minutes": HOUR,
        "posts": topic.posts,
        "authors": topic.authors,
        "usual": None,
        "ratio": None,
        "provisional": False,
        "matched": msgspec.json.encode(evidence.matched).decode(),
        "languages": evidence.languages,
        "samples": [post.id for post in evidence.samples],
        "topics": [topic.id],
        "reason": f"{topic.posts} of the {topic.posts_hour} posts of the last hour in a topic that gains momentum "
        f"match, by {topic.authors} accounts.{grown}",
    }
