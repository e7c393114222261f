"""Gives each post what it is counted by: its terms and the fingerprint that near-copies share."""

from __future__ import annotations

from collections.abc import Iterable

from services.relay.events import NewPost
from shared.features.post import features_of


def count(posts: Iterable[NewPost]) -> None:
    """Fill ``terms`` and ``fingerprint`` of each post."""
    for post in posts:
        post.terms, post.fingerprint = features_of(post.text, post.tags, post.links)
