"""Posts around centres: joining, founding, merging, splitting. Most posts belong to none.

Spherical k-means (Dhillon & Modha 2001) in which a post joins a centre only from a least cosine on, as in DP-means
(Kulis & Jordan 2012): whatever is near nothing stays scattered. New centres are founded where scattered posts lie
densest, one after another, each taking its neighbours away (mountain method; Yager & Filev 1994). Centres that come
together are merged and one that holds two subjects is split, as in ISODATA (Ball & Hall 1965).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.api.clusters.config import ClusterConfig
from services.api.clusters.geometry import Weights, unit
from services.api.momentum.explain import distinct_texts
from shared.schemas.vector import DIMENSION, Vectors

Labels = NDArray[np.int32]
#: Of more members, an even part is looked at where two halves are sought.
_HALVED_MOST = 1_500


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


def is_conversation(posts: Posts, rows: NDArray[np.intp], people: int, texts: int, near_bits: int) -> bool:
    """Whether enough distinct accounts say enough distinct things."""
    if len(rows) < max(people, texts) or len(np.unique(posts.authors[rows])) < people:
        return False
    # Texts are compared pair by pair, of a large group a part only: it is enough to find the least number.
    part = posts.prints[rows] if len(rows) <= 200 else posts.prints[rows[:: len(rows) // 200]]
    return distinct_texts(part, near_bits) >= texts


def found(posts: Posts, config: ClusterConfig, room: int) -> Vectors:
    """Centres of conversations among ``posts``, densest first, at most ``room``."""
    if len(posts.points) < config.least_people or room <= 0:
        return no_centres()
    cosines = posts.points @ posts.points.T
    near = cosines >= config.neighbours
    free = posts.weights.copy()
    open_ = np.ones(len(free), dtype=np.bool_)
    centres: list[Vectors] = []
    while len(centres) < room:
        density = np.where(open_, near @ free, 0.0)
        seed = int(np.argmax(density))
        if density[seed] < 2.0:
            break
        around = np.flatnonzero(near[seed] & (free > 0))
        centre = unit((posts.weights[around] @ posts.points[around])[None, :])
        rows = np.flatnonzero((posts.points @ centre[0] >= config.belongs) & (free > 0))
        if is_conversation(posts, rows, config.least_people, config.least_texts, config.near_bits):
            centres.append(centre[0])
            free[rows] = 0.0
            open_[rows] = False
        open_[seed] = False
        open_[around] &= cosines[seed, around] < config.belongs
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


def halves(posts: Posts, rows: NDArray[np.intp], config: ClusterConfig) -> Vectors | None:
    """Two centres, the larger half's first, if the posts of one group are two conversations."""
    if len(rows) < 2 * config.least_people:
        return None
    part = posts.take(rows[:: 1 + len(rows) // _HALVED_MOST])
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
    if not all(
        is_conversation(part, half, config.least_people, config.least_texts, config.near_bits) for half in sides
    ):
        return None
    return pair if len(sides[0]) >= len(sides[1]) else pair[::-1]
