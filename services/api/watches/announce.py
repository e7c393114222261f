"""What a stretch of a watch has to tell: rows of alerts, and notes on alerts whose other condition holds by now."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from services.api.watches import stories
from services.api.watches.episodes import Figures, State
from services.api.watches.evidence import gather
from services.api.watches.explain import reason, threshold_too, topic_reason
from services.api.watches.minutes import time_of
from services.api.watches.series import Stretch
from services.api.watches.stories import Stories, Told
from services.api.watches.topic_posts import StoredTopicPosts
from shared.schemas.watch import WatchRule
from shared.store import matching
from shared.store import watch_judging as store
from shared.store.database import Database

HOUR = 60


class Said(msgspec.Struct):
    """``alerts`` are rows to raise, ``notes`` what is to be added to alerts by their ids."""

    alerts: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []

    def told(self) -> list[str]:
        """Ids of alerts that are new or changed."""
        rows = [alert["id"] for alert in self.alerts] + [note["alert"] for note in self.notes]
        return [str(row) for row in dict.fromkeys(rows)]


class Announcer:
    """Of one watch and one stretch. Raises StoreUnavailable."""

    def __init__(self, database: Database, where: matching.Condition, row: store.Due, rule: WatchRule) -> None:
        self._database, self._where, self._row, self._rule = database, where, row, rule
        told = msgspec.convert(row.told_topics, Told)
        self.stories = Stories(told, StoredTopicPosts(database, where))
        self.said = Said()

    def episode(self, state: State, figures: Figures, level: int, told_before: int) -> None:
        """The rule holds, for the ``level``-th time in its episode. A topic may have told it already."""
        assert state.began is not None  # noqa: S101 - what fires has begun
        stretch = Stretch(figures.minute + 1 - self._rule.threshold.minutes, figures.minute + 1)
        telling = self.stories.telling(stretch) if self._rule.topics else []
        if telling and not level:
            for topic in telling:
                times = self.stories.told[topic][0]
                self._note(_topic_about(topic), times - 1, threshold_too(self._rule, figures))
            return
        why = reason(self._rule, figures, told_before if level else 0)
        why += f" {stories.TOPIC_TOO}" if telling else ""
        self.said.alerts.append(
            self._alert(
                "threshold",
                str(state.began),
                level,
                stretch,
                self._where,
                began_at=time_of(state.began),
                posts=figures.posts,
                authors=figures.authors,
                usual=figures.usual,
                ratio=figures.ratio,
                provisional=figures.provisional,
                reason=why,
            )
        )

    def topics(self, state: State, end: int) -> None:
        """Topics that hold matching posts before minute ``end``, by what the record says of them now."""
        where = self._where
        live = self._database.fetch(store.live_topics(where), where.params | {"least": store.TOUCH_POSTS})
        touched = {topic.id: topic for topic in live}
        # What ended its growth before the watch was armed is no news, but goes on.
        hours = ((topic.id, topic.posts_hour if topic.updated_at > self._row.armed_at else None) for topic in live)
        hour = Stretch(end - HOUR, end)
        for news in self.stories.touched(hours, hour, open_stretch(self._rule, state, end)):
            topic = touched[news.topic]
            if news.told_by == "episode":
                self._note(str(state.began), state.level - 1, stories.TOPIC_TOO, [topic.id])
            if news.told_by:
                continue
            self.said.alerts.append(
                self._alert(
                    "topic",
                    _topic_about(topic.id),
                    news.level,
                    hour,
                    matching.within_topic(where, topic.id),
                    began_at=topic.detected_at,
                    posts=topic.posts,
                    authors=topic.authors,
                    topics=[topic.id],
                    reason=topic_reason(topic.posts, topic.authors, topic.posts_hour, news.level),
                )
            )

    def _note(self, about: str, level: int, note: str, topics: Sequence[str] = ()) -> None:
        alert = alert_id(self._row, about, level)
        self.said.notes.append({"alert": alert, "note": note, "topics": list(topics)})

    def _alert(
        self, kind: str, about: str, level: int, stretch: Stretch, where: matching.Condition, **row: Any
    ) -> dict[str, Any]:
        evidence = gather(self._database, where, stretch)
        return {
            "id": alert_id(self._row, about, level),
            "watch": self._row.id,
            "kind": kind,
            "level": level,
            "at": time_of(stretch.end),
            "minutes": stretch.end - stretch.start,
            "usual": None,
            "ratio": None,
            "provisional": False,
            "matched": msgspec.json.encode(evidence.matched).decode(),
            "languages": evidence.languages,
            "samples": [post.id for post in evidence.samples],
            "topics": evidence.topics,
        } | row


def alert_id(row: store.Due, about: str, level: int) -> UUID:
    """The same announcement has the same id, whoever makes it and how often."""
    return UUID(bytes=blake2b(f"{row.id}:{row.revision}:{about}:{level}".encode(), digest_size=16).digest())


def open_stretch(rule: WatchRule, state: State, end: int) -> Stretch | None:
    """The last hour of the episode that goes on in minute ``end``, if it was told."""
    if state.began is None or not state.level:
        return None
    return Stretch(max(state.began + 1 - rule.threshold.minutes, end - HOUR), end)


def _topic_about(topic: str) -> str:
    return f"topic:{topic}"
