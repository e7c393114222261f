"""A conversation as it is stored and shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from services.api.clusters.model import Conversation
from shared.schemas.cluster import (
    ClusterLanguage,
    ClusterPlace,
    ClusterTold,
    ClusterTopic,
    ClusterTrend,
)
from shared.store.clusters import Shared

#: The second half must hold this many times the first, or the reverse, to be called a change; and so many posts more.
_CHANGE, _LEAST_CHANGE = 1.5, 5
#: Languages with a smaller share are not listed.
_LEAST_SHARE = 0.05
#: A live topic is the same thing when it shares this part of the cluster's posts.
_SAME, _LEAST_SHARED = 0.2, 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def told(one: Conversation, shared: Sequence[Shared], *, posts: int, sampled: int) -> ClusterTold:
    """``one`` with its posts scaled up to the window's ``posts``, of which ``sampled`` were looked at."""
    scale = posts / sampled if posts > sampled > 0 else 1.0
    topic = next((row for row in shared if row.cluster == one.id), None)
    if topic is not None and topic.shared < max(_LEAST_SHARED, _SAME * one.posts):
        topic = None
    return ClusterTold(
        id=one.id,
        label=one.label,
        terms=one.terms,
        posts=round(one.posts * scale),
        people=one.people,
        languages=[ClusterLanguage(language=name, share=part) for name, part in one.languages if part >= _LEAST_SHARE],
        trend=trend_of(one.earlier, one.recent),
        recent=round(one.recent * scale),
        earlier=round(one.earlier * scale),
        spark=[round(value * scale) for value in one.spark],
        began_at=_EPOCH + timedelta(microseconds=one.born_us),
        place=ClusterPlace(x=one.place.x, y=one.place.y, radius=one.place.radius),
        topic=None if topic is None else ClusterTopic(id=topic.topic, label=topic.label),
        representatives=[str(post) for post in one.representatives],
    )


def trend_of(earlier: int, recent: int) -> ClusterTrend:
    """How ``recent`` posts compare with ``earlier`` ones, of stretches of the same length."""
    if earlier == 0:
        return "new"
    if recent >= _CHANGE * earlier and recent - earlier >= _LEAST_CHANGE:
        return "rising"
    if earlier >= _CHANGE * recent and earlier - recent >= _LEAST_CHANGE:
        return "fading"
    return "steady"
