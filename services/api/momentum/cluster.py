"""Which words tell one story: merging by the people who use them.

Words join the topic whose leading words they share authors with: mean Jaccard index over the
leaders (average linkage, so that a word common to two stories does not chain them together), or
with which most of the word's authors are among the topic's. Tags, cashtags and links also join whole
topics: people choose them to mark a subject, in whatever language they write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.api.momentum.config import MomentumConfig
from services.api.momentum.view import View

#: Words of a topic that a new word is compared with.
LEADERS = 3
#: Words of a topic whose authors together are its people.
VOICES = 6
#: Least share of a smaller story's people who use one word of the larger, for the word to count as a tie.
_TIE = 0.15


@dataclass(slots=True)
class Group:
    """Columns of one topic, leaders first. ``topic`` is the live topic it continues, if any."""

    topic: str | None
    columns: list[int] = field(default_factory=list)


class Affinity:
    """Authors in common between the columns of a view. ``people`` numbers the author of each pair of the
    view; ``shared[i, j]`` counts authors who used both columns."""

    def __init__(self, config: MomentumConfig, view: View, columns: int) -> None:
        self.config = config
        authors, self.people = np.unique(view.authors[view.rows], return_inverse=True)
        used = np.unique(self.people * max(columns, 1) + view.columns)
        person, column = used // max(columns, 1), used % max(columns, 1)
        self.sizes = np.bincount(column, minlength=columns).astype(np.float64)
        counts = np.zeros(columns * columns)
        # Each author's columns lie side by side, in order: pair every one with those some places on.
        for step in range(1, len(used)):
            both = person[step:] == person[:-step]
            if not both.any():
                break
            pairs = column[:-step][both] * columns + column[step:][both]
            counts += np.bincount(pairs, minlength=len(counts))
        above = counts.reshape(columns, columns)
        self.shared: NDArray[np.float64] = above + above.T + np.diag(self.sizes)
        order = np.argsort(column, kind="stable")
        ends = np.cumsum(self.sizes).astype(np.int64)
        self._users = np.split(person[order], ends[:-1]) if columns else []
        self._mark = np.zeros(len(authors), dtype=np.bool_)

    def jaccard(self, column: int, others: Sequence[int]) -> NDArray[np.float64]:
        shared = self.shared[column, list(others)]
        union = self.sizes[column] + self.sizes[list(others)] - shared
        return np.asarray(np.where(shared > 0, shared / np.maximum(union, 1.0), 0.0), dtype=np.float64)

    def related(self, column: int, others: Sequence[int]) -> NDArray[np.bool_]:
        """Which of ``others`` share a good part of the smaller one's authors."""
        smaller = np.minimum(self.sizes[column], self.sizes[list(others)])
        return np.asarray(self.shared[column, list(others)] >= self.config.merge_jaccard * np.maximum(smaller, 1.0))

    def closeness(self, column: int, leaders: Sequence[int]) -> float:
        """How well a word fits a topic's leaders; 0 when it does not. It must be related to most of
        them: a word that two stories share must not tie the second to the first."""
        shared = self.shared[column, list(leaders)]
        if not len(shared) or shared.max() < self.config.merge_authors:
            return 0.0
        if 2 * self.related(column, leaders).sum() <= len(leaders):
            return 0.0
        mean = float(self.jaccard(column, leaders).mean())
        return mean if mean >= self.config.merge_jaccard else 0.0

    def contained(self, small: Sequence[int], large: Sequence[int]) -> float:
        """Share of the people of ``small`` who are also people of ``large``; 0 where it is too little, or
        comes by one word alone: what two stories share ties them no more than it ties all that use it."""
        mine = np.unique(np.concatenate([self._users[column] for column in small[:VOICES]]))
        self._mark[mine] = True
        held = [self._users[column][self._mark[self._users[column]]] for column in large[:VOICES]]
        self._mark[mine] = False
        both = len(np.unique(np.concatenate(held)))
        if both < max(self.config.merge_authors, self.config.merge_containment * len(mine)):
            return 0.0
        ties = sum(len(users) >= max(2.0, _TIE * len(mine)) for users in held)
        return both / len(mine) if ties >= min(2, len(held)) else 0.0

    def bridged(self, first: Sequence[int], second: Sequence[int], markers: set[int]) -> bool:
        """Whether a marker of one group ties it to a leader of the other."""
        for left, right in ((first, second), (second, first)):
            for column in left:
                if column not in markers:
                    continue
                shared = self.shared[column, list(right[:LEADERS])]
                close = self.jaccard(column, right[:LEADERS])
                enough = (shared >= self.config.merge_authors) & (close >= self.config.merge_jaccard)
                if enough.any():
                    return True
        return False

    def same(self, first: Sequence[int], second: Sequence[int]) -> bool:
        """Whether two topics have become one: one's people are the other's, or most leaders share authors."""
        if max(self.contained(first, second), self.contained(second, first)) > 0:
            return True
        left, right = first[:LEADERS], second[:LEADERS]
        near = np.concatenate([self.jaccard(column, right) for column in left])
        related = np.concatenate([self.related(column, right) for column in left])
        return float(near.mean()) >= self.config.merge_jaccard and 2 * int(related.sum()) > len(related)


def cluster(affinity: Affinity, live: Sequence[Group], candidates: Sequence[int], markers: set[int]) -> list[Group]:
    """Add candidates (best first) to the live groups or to new ones, then bridge by markers.

    Live groups keep their place; a live group swallowed by another comes back without columns.
    """
    groups = [Group(group.topic, list(group.columns)) for group in live]
    # Which group a column leads, so that a word is compared only with topics it shares authors with.
    leads = np.full(len(affinity.sizes), -1, dtype=np.int64)
    for place, group in enumerate(groups):
        leads[group.columns[:VOICES]] = place
    for column in candidates:
        near = np.unique(leads[affinity.shared[column] >= 2])
        fits = [(_fit(affinity, column, groups[g].columns), -g) for g in near.tolist() if g >= 0]
        fit, place = max(fits, default=(0.0, 0))
        if fit > 0:
            groups[-place].columns.append(column)
        else:
            place = -len(groups)
            groups.append(Group(None, [column]))
        if len(groups[-place].columns) <= VOICES:
            leads[column] = -place
    _bridge(affinity, groups, markers)
    return groups


def _fit(affinity: Affinity, column: int, columns: Sequence[int]) -> float:
    """How well a word fits a topic: close to its leaders, or used by its people."""
    close = affinity.closeness(column, columns[:LEADERS])
    return close if close > 0 else 0.5 * affinity.contained([column], columns)


def _bridge(affinity: Affinity, groups: list[Group], markers: set[int]) -> None:
    """Fold groups that tell one story into the first of them."""
    members = np.zeros((len(groups), len(affinity.sizes)), dtype=np.float32)
    for place, group in enumerate(groups):
        members[place, group.columns] = 1.0
    tied = (affinity.shared >= 2).astype(np.float32)
    for place, other in np.argwhere(np.triu(members @ tied @ members.T, 1) > 0).tolist():
        left, right = groups[place], groups[other]
        if not left.columns or not right.columns:
            continue
        if affinity.bridged(left.columns, right.columns, markers) or affinity.same(left.columns, right.columns):
            left.columns += right.columns
            right.columns = []
