"""Posts around centres: joining, founding, merging, splitting. Most posts belong to none.

Spherical k-means (Dhillon & Modha 2001) in which a post joins a centre only from a least cosine on, as in DP-means
(Kulis & Jordan 2012): whatever is near nothing stays scattered. New centres are founded where scattered posts lie
densest, one after another, each taking its neighbours away (mountain method; Yager & Filev 1994). Centres that come
together are merged and one that holds two subjects is split, as in ISODATA (Ball & Hall 1965).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.api.clusters.config import ClusterConfig
from services.api.clusters.geometry import Weights, unit
from shared.schemas.vector import DIMENSION, Vectors

Labels = NDArray[np.int32]
#: Of more members, an even part is looked at where two halves are sought.
_HALVED_MOST = 1_500
_COMPARED_MOST = 300
#: Places that are looked at for new conversations in one refresh; each holds at least so many voices.
_TRIED_MOST, _DENSE = 120, 2.0

#: Whether some rows are a conversation.
Judge = Callable[[NDArray[np.intp]], bool]


class Posts(NamedTuple):
    """The window as arrays, side by side; ``points`` are centred unit vectors."""

    points: Vectors
    weights: Weights
    authors: NDArray[np.int64]
    prints: NDArray[np.int64]

    def take(self, rows: NDArray[np.intp]) -> Posts:
        return Posts(self.points[rows], self.weights[rows], self.authors[rows], self.prints[rows])


class Grouped(NamedTuple):
    """``labels`` are rows of ``centres``, -1 for scattered posts; ``cosines`` those with the nearest centre."""

    centres: Vectors
    labels: Labels
    cosines: Weights


def no_centres() -> Vectors:
    """Shape (0, DIMENSION)."""
    return np.empty((0, DIMENSION), dtype=np.float32)


def assign(points: Vectors, centres: Vectors, least: float) -> Grouped:
    """Each post to its nearest centre, if that is near enough."""
    if not len(centres) or not len(points):
        return Grouped(centres, np.full(len(points), -1, np.int32), np.zeros(len(points), np.float32))
    cosines = points @ centres.T
    labels = np.argmax(cosines, axis=1).astype(np.int32)
    best = cosines[np.arange(len(points)), labels]
    labels[best < least] = -1
    return Grouped(centres, labels, best)


def refine(posts: Posts, centres: Vectors, config: ClusterConfig, rounds: int) -> Grouped:
    """Centres moved to the mean of their posts, some ``rounds``; a centre that nobody joins stays where it is."""
    for _ in range(rounds):
        labels = assign(posts.points, centres, config.belongs).labels
        moved = centres.copy()
        for number in range(len(centres)):
            rows = np.flatnonzero(labels == number)
            if len(rows):
                moved[number] = posts.weights[rows] @ posts.points[rows]
        centres = unit(moved)
    return assign(posts.points, centres, config.belongs)


def distinct_texts(points: Vectors, same: float) -> list[int]:
    """Rows of ``points`` of which no two say nearly the same, in their order; of many, an even part is looked at.

    Fingerprints do not do: a sentence with another name in it has another, and a translation too.
    """
    rows = range(0, len(points), 1 + len(points) // _COMPARED_MOST)
    near = points[rows.start :: rows.step] @ points[rows.start :: rows.step].T >= same
    chosen: list[int] = []
    for place in range(len(near)):
        if not near[place, chosen].any():
            chosen.append(place)
    return [rows[place] for place in chosen]


def found(posts: Posts, searched: NDArray[np.intp], config: ClusterConfig, judge: Judge) -> Vectors:
    """Centres of conversations among ``posts``, densest first, at most ``most_clusters``.

    They are sought among the rows ``searched`` and judged with all of ``posts``.
    """
    part = posts.take(searched)
    near = part.points @ part.points.T >= config.neighbours
    density = near @ part.weights
    weights, free = part.weights.copy(), np.ones(len(posts.points), dtype=np.bool_)
    centres: list[Vectors] = []
    for _ in range(_TRIED_MOST):
        if len(centres) == config.most_clusters or not len(density) or density.max() < _DENSE:
            break
        seed = int(np.argmax(density))
        around = np.flatnonzero(near[seed] & (weights > 0))
        centre = unit((weights[around] @ part.points[around])[None, :])[0]
        rows = np.flatnonzero((posts.points @ centre >= config.belongs) & free)
        if judge(rows):
            centres.append(centre)
            free[rows] = False
            taken = np.flatnonzero((part.points @ centre >= config.belongs) & (weights > 0))
        else:
            # Its nearest would only lead here again.
            taken = around[part.points[around] @ centre >= config.belongs]
        taken = np.union1d(taken, [seed])
        density -= weights[taken] @ near[taken]
        weights[taken] = 0.0
        density[taken] = 0.0
    return np.array(centres, dtype=np.float32) if centres else no_centres()


def merge(centres: Vectors, least: float) -> list[int]:
    """For each centre the one it goes into: itself, or an earlier one that is nearer than ``least``."""
    into = list(range(len(centres)))
    if len(centres) < 2:
        return into
    cosines = centres @ centres.T
    for late in range(1, len(centres)):
        earlier = [row for row in range(late) if into[row] == row]
        best = max(earlier, key=lambda row: float(cosines[late, row]))
        if cosines[late, best] >= least:
            into[late] = best
    return into


def halves(posts: Posts, rows: NDArray[np.intp], config: ClusterConfig, judge: Judge) -> Vectors | None:
    """Two centres, the larger half's first, if the posts of one group are two conversations."""
    if len(rows) < 2 * config.least_people:
        return None
    looked_at = rows[:: 1 + len(rows) // _HALVED_MOST]
    part = posts.take(looked_at)
    middle = part.weights @ part.points
    first = int(np.argmin(part.points @ middle))
    second = int(np.argmin(part.points @ part.points[first]))
    pair = part.points[[first, second]]
    for _ in range(config.rounds + 2):
        side = (part.points @ pair[1] > part.points @ pair[0]).astype(np.bool_)
        if side.all() or not side.any():
            return None
        pair = unit(np.array([part.weights[~side] @ part.points[~side], part.weights[side] @ part.points[side]]))
    if float(pair[0] @ pair[1]) >= config.split:
        return None
    sides = [np.flatnonzero(~side), np.flatnonzero(side)]
    if not all(judge(looked_at[half]) for half in sides):
        return None
    return pair if len(sides[0]) >= len(sides[1]) else pair[::-1]
