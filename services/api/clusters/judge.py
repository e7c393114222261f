"""Whether some posts are a conversation: enough people, saying enough different things, about something with a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.api.clusters import labels
from services.api.clusters.config import ClusterConfig
from services.api.clusters.grouping import Posts, distinct_texts
from services.api.clusters.model import Item


class Judges:
    """``new`` is asked of what would begin, ``kept`` of what is known: rows of ``posts`` and ``items``."""

    def __init__(self, config: ClusterConfig, posts: Posts, items: Sequence[Item], everywhere: Counter[str]) -> None:
        self._config, self._posts, self._items = config, posts, items
        self._everywhere = everywhere

    def new(self, rows: NDArray[np.intp]) -> bool:
        config = self._config
        return self._speaks(rows, config.least_people, config.least_voices, config.least_voices_part) and self._says(
            rows, config.least_texts, config.least_named
        )

    def kept(self, rows: NDArray[np.intp]) -> bool:
        config = self._config
        return self._speaks(
            rows, config.least_people_kept, config.least_voices_kept, config.least_voices_part_kept
        ) and self._says(rows, config.least_texts_kept, config.least_named_kept)

    def _speaks(self, rows: NDArray[np.intp], people: int, voices: float, part: float) -> bool:
        """Whether enough people post, rather than a few often or many the same."""
        if len(rows) < people or len(np.unique(self._posts.authors[rows])) < people:
            return False
        least = max(voices, min(part * len(rows), self._config.enough_voices))
        return float(self._posts.weights[rows].sum()) >= least

    def _says(self, rows: NDArray[np.intp], texts: int, part: float) -> bool:
        """Whether it is said in different words, and some of these are common to them."""
        distinct = distinct_texts(self._posts.points[rows], self._config.same)
        if len(distinct) < texts:
            return False
        inside = [self._items[row] for row in rows.tolist()]
        terms = labels.terms_of_posts(inside, self._everywhere, len(inside))
        return labels.named([inside[place] for place in distinct], terms) >= part
