"""Leaves out what a batch already holds. Between batches the store's keys do the same.

Deletions win over creations whatever their order, so the batch needs no order between the kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import attrgetter
from typing import TypeVar

from services.relay.events import Batch, NewPost, Reaction, Removal

Item = TypeVar("Item", NewPost, Reaction, Removal)

_id = attrgetter("id")


def dedupe(batch: Batch) -> None:
    """Keep each creation, removal, reaction and undoing once (the first), of a post's replacements the last."""
    before = _held(batch)
    created = _first([post for post in batch.posts if not post.replaces], _id)
    replaced = {post.id: post for post in batch.posts if post.replaces}
    batch.posts = [*created, *replaced.values()]
    # Who deletes counts: a stranger's deletion in the same batch must not hide the author's own.
    batch.removals = _first(batch.removals, attrgetter("id", "author"))
    batch.reactions = _first(batch.reactions, _id)
    batch.undoings = _first(batch.undoings, _id)
    batch.repeated += before - _held(batch)


def _held(batch: Batch) -> int:
    return len(batch.posts) + len(batch.removals) + len(batch.reactions) + len(batch.undoings)


def _first(items: list[Item], key: Callable[[Item], Hashable]) -> list[Item]:
    """Of those with the same key the first. Mostly there are none, which a set tells fastest."""
    if len(set(map(key, items))) == len(items):
        return items
    kept: dict[Hashable, Item] = {}
    for item in items:
        kept.setdefault(key(item), item)
    return list(kept.values())
