"""Near copies behind one of them: twenty of one text are one thing to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from shared.features.fingerprint import distance

Item = TypeVar("Item")

#: Bits in which fingerprints of near copies differ at most: a changed word in a long text, none in a short one.
NEAR_BITS = 3


def fold(items: Sequence[Item], fingerprints: Sequence[int]) -> list[list[Item]]:
    """``items`` in groups of near copies, each in order and where its first one stands. 0 is like nothing."""
    groups: list[list[Item]] = []
    of: list[int] = []
    for item, fingerprint in zip(items, fingerprints, strict=True):
        like = next(
            (g for g, other in enumerate(of) if fingerprint and distance(fingerprint, other) <= NEAR_BITS), None
        )
        if like is None:
            groups.append([item])
            of.append(fingerprint)
        else:
            groups[like].append(item)
    return groups
