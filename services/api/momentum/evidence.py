"""What the ring holds for one topic: the posts that belong to it, and figures over them.

A post belongs to a topic when it holds at least two of its terms, or one of its tags, cashtags or
pages, or the only term of a topic that has but one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from services.api.momentum.cluster import Group
from services.api.momentum.sketch import Floats, Ints
from services.api.momentum.view import View

HOUR = 60


@dataclass(frozen=True, slots=True)
class Evidence:
    """``rows`` of the view in order of arrival, how ``central`` each is, posts of each of the last 60
    minutes (oldest first), distinct ``authors`` of the hour.

    Central is a post like the others: the cosine of its terms with the topic's posts together, over the
    topic's own terms.
    """

    rows: Ints
    central: Floats
    per_minute: Ints
    authors: int

    @property
    def posts(self) -> int:
        return len(self.rows)

    def last(self, minutes: int, before: int = 0) -> int:
        """Posts of the ``minutes`` that end ``before`` minutes ago."""
        end = HOUR - before
        return int(self.per_minute[end - minutes : end].sum())


def match(view: View, groups: Sequence[Group], markers: set[int], minute: int) -> list[Evidence]:
    """Evidence of each group, for the hour that ends with ``minute``."""
    columns = int(view.columns.max()) + 1 if len(view.columns) else 0
    owner = np.full(columns, -1, dtype=np.int64)
    needed = np.ones(len(groups), dtype=np.int64)
    weight = np.ones(columns, dtype=np.int64)
    for place, group in enumerate(groups):
        held = [column for column in group.columns if column < columns]
        owner[held] = place
        needed[place] = min(2, max(len(group.columns), 1))
    # A marker alone is enough: it weighs as much as any topic asks for.
    weight[[column for column in markers if column < columns]] = 2
    owned = owner[view.columns]
    at = np.flatnonzero(owned >= 0)
    keys = view.rows[at] * max(len(groups), 1) + owned[at]
    distinct, inverse = np.unique(keys, return_inverse=True)
    weights = np.bincount(inverse, weights=weight[view.columns[at]], minlength=len(distinct))
    rows, places = distinct // max(len(groups), 1), distinct % max(len(groups), 1)
    belongs = weights >= needed[places]
    common = np.bincount(view.columns[at], weights=belongs[inverse], minlength=columns)
    central = np.bincount(inverse, weights=common[view.columns[at]], minlength=len(distinct))
    central = central / np.sqrt(np.maximum(view.lengths[rows], 1))
    rows, places, central = rows[belongs], places[belongs], central[belongs]
    order = np.argsort(places, kind="stable")
    bounds = np.searchsorted(places[order], np.arange(len(groups) + 1))
    parts = [order[low:high] for low, high in pairwise(bounds.tolist())]
    return [_evidence(view, rows[part], central[part], minute) for part in parts]


def _evidence(view: View, rows: Ints, central: Floats, minute: int) -> Evidence:
    ages = minute - view.minutes[rows]
    within = ages < HOUR
    rows, central, ages = rows[within], central[within], ages[within]
    per_minute = np.bincount(HOUR - 1 - ages, minlength=HOUR)
    return Evidence(rows, central, per_minute, len(np.unique(view.authors[rows])))
