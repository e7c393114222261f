"""Where conversations lie on the map: near each other when they are alike, and where they were before.

Classical scaling (Torgerson 1952) of the centres' cosine distances gives a layout, which is turned, mirrored and moved
onto the places of before (orthogonal Procrustes; Schönemann 1966). Those who were there take a small step towards it,
those who are new get their place from it, and circles that overlap are pushed apart, the new ones more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.api.clusters.frame import HEIGHT, WIDTH
from services.api.clusters.model import Place
from shared.schemas.vector import Vectors

#: Circles together cover about this share of the frame, and none is larger or smaller than these radii.
_COVER, _LARGEST, _SMALLEST = 0.22, 110.0, 20.0
#: Between two circles.
_GAP = 10.0
#: How far a known circle goes towards the place and the radius it would have if all were laid out anew.
_STEP, _GROWTH = 0.1, 0.4
_ROUNDS = 200

Points = NDArray[np.float64]


def lay_out(centres: Vectors, posts: Sequence[int], before: Sequence[Place | None]) -> list[Place]:
    """A place for each of ``centres`` (unit rows); ``before`` holds those it had."""
    if not len(centres):
        return []
    radii = radii_of(posts)
    known = np.array([place is not None for place in before])
    target = _aligned(_fit(_scaled(centres)), before, known)
    points = target.copy()
    for number, place in enumerate(before):
        if place is not None:
            old = np.array([place.x, place.y])
            points[number] = old + _STEP * (target[number] - old)
            radii[number] = place.radius + _GROWTH * (radii[number] - place.radius)
    points = _apart(points, radii, known)
    return [
        Place(round(float(x), 1), round(float(y), 1), round(float(radius), 1))
        for (x, y), radius in zip(points, radii, strict=True)
    ]


def radii_of(posts: Sequence[int]) -> Points:
    """Radii whose circles' areas go with ``posts``, within bounds."""
    counts = np.maximum(np.asarray(posts, dtype=np.float64), 1.0)
    scale = np.sqrt(_COVER * WIDTH * HEIGHT / (np.pi * counts.sum()))
    # Few conversations must not fill the map.
    radii: Points = np.clip(scale * np.sqrt(counts), _SMALLEST, _LARGEST)
    return radii


def _scaled(centres: Vectors) -> Points:
    """Classical scaling to two dimensions."""
    count = len(centres)
    if count == 1:
        return np.zeros((1, 2))
    similar = centres.astype(np.float64) @ centres.T.astype(np.float64)
    middle = np.eye(count) - 1.0 / count
    # The squared distance of unit vectors is 2 - 2 cos: its scalar products are the centred cosines.
    values, vectors = np.linalg.eigh(middle @ similar @ middle)
    points = vectors[:, -2:][:, ::-1] * np.sqrt(np.maximum(values[-2:][::-1], 0.0))
    # An eigenvector's sign is arbitrary: the largest part is positive.
    for axis in range(points.shape[1]):
        if points[np.argmax(np.abs(points[:, axis])), axis] < 0:
            points[:, axis] *= -1
    found: Points = points if points.shape[1] == 2 else np.column_stack([points, np.zeros(count)])
    return found


def _fit(points: Points) -> Points:
    """``points`` spread over the frame."""
    spread = np.abs(points).max(axis=0)
    spread[spread < 1e-9] = 1.0
    fitted: Points = np.array([WIDTH, HEIGHT]) * (0.5 + 0.42 * points / spread)
    return fitted


def _aligned(points: Points, before: Sequence[Place | None], known: NDArray[np.bool_]) -> Points:
    """``points`` turned, mirrored and moved so that the known ones lie as near to their old places as they can."""
    if known.sum() < 2:
        return points
    old = np.array([[place.x, place.y] for place in before if place is not None])
    new = points[known]
    shift_old, shift_new = old.mean(axis=0), new.mean(axis=0)
    left, _, right = np.linalg.svd((new - shift_new).T @ (old - shift_old))
    turned = (points - shift_new) @ (left @ right) + shift_old
    inside: Points = np.clip(turned, [0, 0], [WIDTH, HEIGHT])
    return inside


def _apart(points: Points, radii: Points, known: NDArray[np.bool_]) -> Points:
    """Circles moved until none overlap, as far as there is room; all inside the frame."""
    points = points.copy()
    # Equal places part in a direction that belongs to their order.
    turns = np.arange(len(points)) * 2.399963
    points += 0.01 * np.column_stack([np.cos(turns), np.sin(turns)])
    yields = np.where(known, 0.2, 1.0)
    low, high = radii[:, None] + 2.0, np.array([WIDTH, HEIGHT]) - radii[:, None] - 2.0
    for _ in range(_ROUNDS):
        points = np.clip(points, low, high)
        apart = points[:, None, :] - points[None, :, :]
        distance = np.sqrt((apart**2).sum(axis=2)) + np.eye(len(points))
        missing = np.maximum(radii[:, None] + radii[None, :] + _GAP - distance, 0.0)
        np.fill_diagonal(missing, 0.0)
        if not missing.any():
            break
        share = yields[:, None] / (yields[:, None] + yields[None, :])
        points += 0.6 * ((missing * share / distance)[:, :, None] * apart).sum(axis=1)
    inside: Points = np.clip(points, low, high)
    return inside
