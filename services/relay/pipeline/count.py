"""Gives each post what it is counted by: its terms and the fingerprint that near-copies share."""

from __future__ import annotations

from collections.abc import Sequence

from services.relay.events import NewPost
from shared.features.post import Said, features_of_each

#: Posts whose features are made together: most of the gain, and a few megabytes with the longest of texts.
TOGETHER = 256


def count(posts: Sequence[NewPost]) -> None:
    """Fill ``terms`` and ``fingerprint`` of each post."""
    for start in range(0, len(posts), TOGETHER):
        some = posts[start : start + TOGETHER]
        features = features_of_each([Said(post.text, post.tags, post.links) for post in some])
        for post, made in zip(some, features, strict=True):
            post.terms, post.fingerprint = made
