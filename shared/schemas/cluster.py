"""What the last hour talks about: groups of posts that mean the same, by their vectors."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.schemas.base import Schema
from shared.schemas.post import Post

#: How the second half of the window compares with the first; new: nothing of it lies in the first.
ClusterTrend = Literal["new", "rising", "steady", "fading"]
#: off: there are no vectors to compare; degraded: what is shown is old, or not all of the hour.
ClusterState = Literal["ok", "degraded", "off"]


class ClusterPlace(Schema, frozen=True, kw_only=True):
    """A circle in the frame that the list names, y downwards."""

    x: float
    y: float
    radius: float


class ClusterLanguage(Schema, frozen=True, kw_only=True):
    """A primary language subtag and its share of the cluster's posts, 0 to 1."""

    language: str
    share: float


class ClusterTopic(Schema, frozen=True, kw_only=True):
    """The live topic that has the most posts in common with a cluster."""

    id: str
    label: str


class ClusterTold(Schema, frozen=True, kw_only=True):
    """One cluster as it is stored.

    ``id``, ``label`` and ``place`` hold from one refresh to the next. ``posts`` are the hour's, scaled up where a
    sample was compared; ``people`` are distinct accounts among the posts compared, so at least so many. ``recent`` and
    ``earlier`` are posts of the window's second and first half, ``spark`` those of each twelfth, oldest first.
    ``began_at`` is when it was first seen as one. ``terms`` are words to search for, strongest first.
    """

    id: str
    label: str
    terms: list[str]
    posts: int
    people: int
    languages: list[ClusterLanguage]
    trend: ClusterTrend
    recent: int
    earlier: int
    spark: list[int]
    began_at: datetime
    place: ClusterPlace
    topic: ClusterTopic | None = None
    representatives: list[str] = []


class Cluster(Schema, frozen=True, kw_only=True):
    """As ``ClusterTold``, with its central posts: of distinct accounts, no two nearly the same."""

    id: str
    label: str
    terms: list[str]
    posts: int
    people: int
    languages: list[ClusterLanguage]
    trend: ClusterTrend
    recent: int
    earlier: int
    spark: list[int]
    began_at: datetime
    place: ClusterPlace
    topic: ClusterTopic | None
    examples: list[Post]


class ClusterList(Schema, frozen=True, kw_only=True):
    """Clusters, largest first, and what they were made of.

    The window holds ``posts``; of ``sampled`` of them (an even sample where there are more than can be compared)
    ``compared`` have their vector, and ``scattered`` of those belong to no cluster. ``width`` and ``height`` are the
    frame of the places. ``reason`` says what is missing when ``state`` is not ok, ``do`` what helps.
    """

    clusters: list[Cluster]
    as_of: datetime | None
    window_minutes: int
    posts: int
    sampled: int
    compared: int
    scattered: int
    width: float
    height: float
    state: ClusterState
    reason: str | None = None
    do: str | None = None


class ClusterDetail(Schema, frozen=True, kw_only=True):
    """One cluster with a page of its posts, newest first. ``next`` continues the listing (opaque)."""

    cluster: Cluster
    posts: list[Post]
    next: str | None = None
    as_of: datetime | None = None
