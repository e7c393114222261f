"""Posts that stand for a conversation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.api.clusters.model import Item
from shared.schemas.vector import Vectors

MOST = 3
#: Of the most central, so many are looked at.
_LOOKED_AT = 60


def representatives(items: Sequence[Item], points: Vectors, cosines: NDArray[np.float32], same: float) -> list[int]:
    """Up to three indexes into ``items``: central first, of distinct authors, no two nearly the same text."""
    chosen: list[int] = []
    for row in np.argsort(-cosines, kind="stable")[:_LOOKED_AT].tolist():
        one = items[row]
        apart = all(
            one.author != items[other].author
            and one.fingerprint != items[other].fingerprint
            and float(points[row] @ points[other]) < same
            for other in chosen
        )
        if apart:
            chosen.append(row)
        if len(chosen) == MOST:
            break
    return chosen
