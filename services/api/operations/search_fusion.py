"""One ranking out of several: reciprocal-rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009).

Each arm gives a post weight / (60 + its rank), and the sums rank the posts. Only ranks count, so that cosines
and word scores, which share no scale, need no weighing against each other.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

Item = TypeVar("Item", bound=Hashable)
Arm = TypeVar("Arm", bound=str)

#: From the paper: large enough that one arm's first place does not outweigh agreement.
RANK_OFFSET = 60


class Fused(msgspec.Struct, Generic[Item, Arm], frozen=True):
    """``matched``: the arms that ranked it, in the order they were given."""

    item: Item
    score: float
    matched: list[Arm]


def fuse(arms: Mapping[Arm, Sequence[Item]], weights: Mapping[Arm, float] | None = None) -> list[Fused[Item, Arm]]:
    """Every item of the ``arms``' rankings (best first, each item once), best first.

    An arm's weight is 1 unless ``weights`` say otherwise. Equal scores keep the order in which the arms name their
    items.
    """
    scores: dict[Item, float] = {}
    matched: dict[Item, list[Arm]] = {}
    for arm, ranking in arms.items():
        weight = 1.0 if weights is None else weights.get(arm, 1.0)
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + weight / (RANK_OFFSET + rank)
            matched.setdefault(item, []).append(arm)
    best = sorted(scores, key=lambda item: -scores[item])
    return [Fused(item, scores[item], matched[item]) for item in best]
