"""Gives each post what it is counted by: its terms and the fingerprint that near-copies share."""

from __future__ import annotations

from collections.abc import Iterable

from services.relay.events import NewPost
from shared.features.fingerprint import fingerprint_of
from shared.features.terms import terms_of


def count(posts: Iterable[NewPost]) -> None:
    """Fill ``terms`` and ``fingerprint`` of each post."""
    for post in posts:
        post.terms = terms_of(post.text, post.tags, post.links)
        post.fingerprint = fingerprint_of(post.text)
