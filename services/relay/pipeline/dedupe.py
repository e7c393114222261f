"""Leaves out what a batch already holds. Between batches the store's keys do the same.

Deletions win over creations whatever their order, so the batch needs no order between the kinds.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

from services.relay.events import Batch

Item = TypeVar("Item")


def dedupe(batch: Batch) -> None:
    """Keep each creation, removal and reaction once (the first), of a post's replacements the last."""
    before = len(batch.posts) + len(batch.removals) + len(batch.reactions)
    created = _first((post.id, post) for post in batch.posts if not post.replaces)
    replaced = {post.id: post for post in batch.posts if post.replaces}
    batch.posts = [*created, *replaced.values()]
    batch.removals = _first(((removal.id, removal.author), removal) for removal in batch.removals)
    batch.reactions = _first(((reaction.id, reaction.undone), reaction) for reaction in batch.reactions)
    batch.repeated += before - len(batch.posts) - len(batch.removals) - len(batch.reactions)


def _first(pairs: Iterable[tuple[Hashable, Item]]) -> list[Item]:
    kept: dict[Hashable, Item] = {}
    for key, item in pairs:
        kept.setdefault(key, item)
    return list(kept.values())
