"""Which words tell one story: merging by the people who use them.

Words join the topic whose leading words they share authors with: mean Jaccard index over the
leaders (average linkage, so that a word common to two stories does not chain them together), or
with which most of the word's authors are among the topic's. Tags, cashtags and links also join whole
topics: people choose them to mark a subject, in whatever language they write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain, pairwise
from operator import or_

import numpy as np

from services.api.momentum.config import MomentumConfig
from services.api.momentum.sketch import Ints, distinct
from services.api.momentum.view import View

#: Words of a topic that a new word is compared with.
LEADERS = 3
#: Words of a topic whose authors together are its people.
VOICES = 6
#: Of the counts' own type: with any other, numpy's ``at`` takes thirty times as long.
_ONE = np.int32(1)
#: Least share of a smaller story's people who use one word of the larger, for the word to count as a tie.
_TIE = 0.15


@dataclass(slots=True)
class Group:
    """Columns of one topic, leaders first. ``topic`` is the live topic it continues, if any."""

    topic: str | None
    columns: list[int] = field(default_factory=list)


class Affinity:
    """Authors in common between the columns of a view. ``people`` numbers the author of each pair of the
    view; ``sizes[i]`` counts the authors who used column i, ``near[i]`` are the other columns that at least two
    of them used."""

    def __init__(self, config: MomentumConfig, view: View, columns: int) -> None:
        self.config = config
        authors, self.people = np.unique(view.authors[view.rows], return_inverse=True)
        used = distinct(self.people * max(columns, 1) + view.columns)
        person, column = used // max(columns, 1), used % max(columns, 1)
        self.sizes: Ints = np.bincount(column, minlength=columns)
        above = np.zeros(columns * columns, dtype=np.int32)
        # Each author's columns lie side by side, in order: pair every one with those some places on.
        step, at = 1, np.flatnonzero(person[1:] == person[:-1])
        while len(at):
            np.add.at(above, column[at] * columns + column[at + step], _ONE)
            step += 1
            at = at[at + step < len(person)]
            at = at[person[at] == person[at + step]]
        #: Authors who used both columns, for pairs in ascending order; 0 elsewhere.
        self._above = above.reshape(columns, columns)
        first, second = np.divmod(np.flatnonzero(above >= 2), max(columns, 1))
        self.near = _neighbours(first, second, columns)
        self._size: list[int] = self.sizes.tolist()
        self._users = _bitsets(person, column, len(authors), columns)
        # What clustering asks for again and again, as Python's own numbers: a call into numpy for three of
        # them costs more than all that is done with them.
        self._rows: list[list[int] | None] = [None] * columns
        self._united: dict[tuple[int, ...], int] = {}

    def jaccard(self, column: int, others: Sequence[int]) -> list[float]:
        """Jaccard index of a column's authors with those of each of ``others``."""
        row, size = self._row(column), self._size
        mine = size[column]
        return [row[other] / (mine + size[other] - row[other]) if row[other] else 0.0 for other in others]

    def related(self, column: int, others: Sequence[int]) -> int:
        """How many of ``others`` share a good part of the smaller one's authors."""
        row, size, least = self._row(column), self._size, self.config.merge_jaccard
        mine, related = size[column], 0
        for other in others:
            smaller = size[other] if size[other] < mine else mine
            related += row[other] >= least * (smaller or 1)
        return related

    def in_common(self, column: int, others: Sequence[int]) -> int:
        """The most authors that a column can have in common with ``others`` together."""
        row, most = self._row(column), 0
        for other in others:
            most += row[other]
        return most

    def closeness(self, column: int, leaders: Sequence[int]) -> float:
        """How well a word fits a topic's leaders; 0 when it does not. It must be related to most of
        them: a word that two stories share must not tie the second to the first."""
        row = self._row(column)
        if all(row[leader] < self.config.merge_authors for leader in leaders):
            return 0.0
        if 2 * self.related(column, leaders) <= len(leaders):
            return 0.0
        mean = _mean(self.jaccard(column, leaders))
        return mean if mean >= self.config.merge_jaccard else 0.0

    def contained(self, small: Sequence[int], large: Sequence[int]) -> float:
        """Share of the people of ``small`` who are also people of ``large``; 0 where it is too little, or
        comes by one word alone, or by none of the larger's first two: what two stories share ties them no more
        than it ties all that use it."""
        mine = self._together(small)
        size, both = mine.bit_count(), (mine & self._together(large)).bit_count()
        if both < max(self.config.merge_authors, self.config.merge_containment * size):
            return 0.0
        held = [(mine & self._users[column]).bit_count() for column in large[:VOICES]]
        ties = [count >= max(2.0, _TIE * size) for count in held]
        return both / size if sum(ties) >= min(2, len(held)) and any(ties[:2]) else 0.0

    def bridged(self, first: Sequence[int], second: Sequence[int], markers: set[int]) -> bool:
        """Whether a marker of one group ties it to a leader of the other."""
        for left, right in ((first, second[:LEADERS]), (second, first[:LEADERS])):
            for column in left:
                if column not in markers:
                    continue
                row = self._row(column)
                for other, close in zip(right, self.jaccard(column, right), strict=True):
                    if row[other] >= self.config.merge_authors and close >= self.config.merge_jaccard:
                        return True
        return False

    def same(self, first: Sequence[int], second: Sequence[int]) -> bool:
        """Whether two topics have become one: one's people are the other's, or most leaders share authors."""
        if len(first) == len(second) == 1:
            return self._same_word(first[0], second[0])
        if max(self.contained(first, second), self.contained(second, first)) > 0:
            return True
        left, right = first[:LEADERS], second[:LEADERS]
        if 2 * sum(self.related(column, right) for column in left) <= len(left) * len(right):
            return False
        return _mean([close for column in left for close in self.jaccard(column, right)]) >= self.config.merge_jaccard

    def _same_word(self, first: int, second: int) -> bool:
        """``same`` of two topics of one word each, which most are: one holds the other, or they are close."""
        both, left, right = self._row(first)[second], self._size[first], self._size[second]
        held = max(self.config.merge_authors, self.config.merge_containment * min(left, right))
        return both >= held or (both > 0 and both / (left + right - both) >= self.config.merge_jaccard)

    def tied(self, groups: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
        """Pairs of groups, the earlier first, of which two columns share at least two authors, or one column is
        the same and has two."""
        places = np.repeat(np.arange(len(groups)), [len(columns) for columns in groups])
        columns = np.fromiter(chain.from_iterable(groups), dtype=np.int64, count=len(places))
        # Most words share their people with no other.
        held = np.bincount(columns, minlength=len(self.near)) > 1
        held |= np.array([bool(near) for near in self.near], dtype=np.bool_)
        places, columns = places[held[columns]], columns[held[columns]]
        shared = self._above[np.ix_(columns, columns)]
        same = (columns[:, None] == columns) & (self.sizes[columns] >= 2)
        first, second = np.nonzero((shared + shared.T >= 2) | same)
        keys = places[first] * max(len(groups), 1) + places[second]
        pairs = distinct(keys[places[first] < places[second]])
        return [divmod(key, len(groups)) for key in pairs.tolist()]

    def _row(self, column: int) -> list[int]:
        """How many authors a column shares with each, itself included."""
        row = self._rows[column]
        if row is None:
            both = self._above[column] + self._above[:, column]
            both[column] = self.sizes[column]
            row = self._rows[column] = both.tolist()
        return row

    def _together(self, columns: Sequence[int]) -> int:
        key = tuple(columns[:VOICES])
        people = self._united.get(key)
        if people is None:
            people = self._united[key] = reduce(or_, [self._users[column] for column in key], 0)
        return people


def _neighbours(first: Ints, second: Ints, columns: int) -> list[list[int]]:
    """Of each column, those it makes a pair with, in ascending order."""
    left, right = np.concatenate([first, second]), np.concatenate([second, first])
    keys = np.sort(left * max(columns, 1) + right)
    left, right = np.divmod(keys, max(columns, 1))
    bounds, near = np.searchsorted(left, np.arange(columns + 1)).tolist(), right.tolist()
    return [near[low:high] for low, high in pairwise(bounds)]


def _bitsets(person: Ints, column: Ints, people: int, columns: int) -> list[int]:
    """The people of each column, as the bits of an integer: set operations at the speed of memory."""
    width = (people + 7) // 8
    table = np.zeros((columns, width), dtype=np.uint8)
    bits = np.left_shift(1, person & 7).astype(np.uint8)
    np.bitwise_or.at(table.reshape(-1), column * width + (person >> 3), bits)
    return [int.from_bytes(row.tobytes(), "little") for row in table]


def _mean(values: Sequence[float]) -> float:
    # Not ``sum``: from Python 3.12 on it rounds in another way than before.
    total = 0.0
    for value in values:
        total += value
    return total / max(len(values), 1)


def cluster(affinity: Affinity, live: Sequence[Group], candidates: Sequence[int], markers: set[int]) -> list[Group]:
    """Add candidates (best first) to the live groups or to new ones, then bridge by markers.

    Live groups keep their place; a live group swallowed by another comes back without columns.
    """
    groups = [Group(group.topic, list(group.columns)) for group in live]
    # Which group a column leads, so that a word is compared only with topics it shares authors with.
    leads = [-1] * len(affinity.sizes)
    for place, group in enumerate(groups):
        for column in group.columns[:VOICES]:
            leads[column] = place
    for column in candidates:
        near = {leads[other] for other in affinity.near[column]}
        fits = [(_fit(affinity, column, groups[g].columns), -g) for g in near if g >= 0]
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
    if affinity.in_common(column, columns[:VOICES]) < affinity.config.merge_authors:
        return 0.0  # Both of what follows ask for more people than that.
    close = affinity.closeness(column, columns[:LEADERS])
    return close if close > 0 else 0.5 * affinity.contained([column], columns)


def _bridge(affinity: Affinity, groups: list[Group], markers: set[int]) -> None:
    """Fold groups that tell one story into the first of them."""
    for place, other in affinity.tied([group.columns for group in groups]):
        left, right = groups[place], groups[other]
        if not left.columns or not right.columns:
            continue
        if affinity.bridged(left.columns, right.columns, markers) or affinity.same(left.columns, right.columns):
            left.columns += right.columns
            right.columns = []
