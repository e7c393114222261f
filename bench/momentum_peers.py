"""The plain ways to find what trends, as peers on the same streams: z-score and Poisson over words.

**z-score**: posts that hold a word in the last W minutes against the mean and deviation of such
windows (exponentially weighted, half-life a day), alarm above a threshold. **Poisson**: after Gnip's
"Trend detection in social data" (2015): the expected count is the word's average corrected by how busy
this time of day was, alarm when (count - expected) / sqrt(expected) passes a threshold. ``once`` counts
each author once a word and hour. All need four posts, and see only whole windows that lie behind.

Alarms become stories in the kindest plausible way: a word that alarmed rests for six hours, and a word
of whose posts half hold a word of a story of the last hour joins it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.momentum_match import Announcement
from bench.momentum_plant import DAY, MINUTE_US
from bench.momentum_stream import START_US, Stream

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_HOUR = 60
_REST = 360
_SUPPORT = 4


@dataclass(frozen=True)
class Peer:
    """One method: its model, window in minutes, whether authors count once."""

    model: Literal["z-score", "Poisson"]
    window: int
    once: bool

    @property
    def name(self) -> str:
        return f"{self.model} {self.window} min" + (", authors once" if self.once else "")


PEERS = (
    Peer("z-score", 5, False),
    Peer("z-score", 60, False),
    Peer("z-score", 5, True),
    Peer("z-score", 60, True),
    Peer("Poisson", 60, False),
    Peer("Poisson", 60, True),
)
THRESHOLDS = {"z-score": (5.0, 8.0, 12.0, 16.0, 24.0, 36.0), "Poisson": (5.0, 8.0, 12.0, 16.0, 24.0, 36.0)}


@dataclass(slots=True)
class _Stories:
    """Alarms of one threshold on their way to stories."""

    rest: dict[int, int] = field(default_factory=dict)
    open: dict[int, tuple[int, str]] = field(default_factory=dict)
    said: list[Announcement] = field(default_factory=list)


def run_peer(stream: Stream, peer: Peer) -> dict[float, list[Announcement]]:
    """Announcements by threshold."""
    found = {threshold: _Stories() for threshold in THRESHOLDS[peer.model]}
    for minute, terms, scores, posts in _scored(stream, peer):
        for threshold, stories in found.items():
            above = terms[scores >= threshold]
            order = np.argsort(-scores[scores >= threshold], kind="stable")
            _tell(stream, stories, minute, above[order].tolist(), posts)
    return {threshold: stories.said for threshold, stories in found.items()}


def _scored(stream: Stream, peer: Peer) -> Iterator[tuple[int, Ints, Floats, tuple[int, int]]]:
    """Each minute's terms with enough posts, their scores, and the last hour's range of posts."""
    size = len(stream.names)
    owner = np.repeat(np.arange(len(stream.times)), np.diff(stream.start))
    counted = _first_of_author(stream, owner) if peer.once else np.ones(len(owner), dtype=np.bool_)
    edges = np.searchsorted(stream.times, START_US + MINUTE_US * np.arange(stream.setting.minutes + 1))
    window = np.zeros(size, dtype=np.float32)
    mean, square = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
    weight, keep = 0.0, 2.0 ** (-peer.window / DAY)
    volume = np.zeros(24)
    held: list[Ints] = []
    for minute in range(stream.setting.minutes):
        low, high = stream.start[edges[minute]], stream.start[edges[minute + 1]]
        fresh = stream.terms[low:high][counted[low:high]]
        held.append(fresh)
        np.add.at(window, fresh, 1)
        if len(held) > peer.window:
            np.subtract.at(window, held.pop(0), 1)
        hour = minute // _HOUR % 24
        volume[hour] += edges[minute + 1] - edges[minute]
        terms = np.unique(fresh)
        terms = terms[window[terms] >= _SUPPORT]
        if weight and minute >= DAY and len(terms):
            usual = mean[terms].astype(np.float64) / weight
            if peer.model == "z-score":
                deviation = np.sqrt(np.maximum(square[terms] / weight - usual**2, 1.0))
                scores = (window[terms] - usual) / deviation
            else:
                expected = np.maximum(usual * volume[hour] / max(volume.mean(), 1.0), 1.0)
                scores = (window[terms] - expected) / np.sqrt(expected)
            yield minute, terms, scores, (int(edges[max(minute - _HOUR + 1, 0)]), int(edges[minute + 1]))
        if minute % peer.window == peer.window - 1:
            mean = mean * np.float32(keep) + window * np.float32(1 - keep)
            square = square * np.float32(keep) + window * window * np.float32(1 - keep)
            weight = weight * keep + (1 - keep)


def _first_of_author(stream: Stream, owner: Ints) -> NDArray[np.bool_]:
    """Whether an author uses a term for the first time within the hour."""
    authors = np.unique(stream.authors, return_inverse=True)[1]
    pairs = authors[owner] * len(stream.names) + stream.terms
    order = np.lexsort((owner, pairs))
    times = stream.times[owner[order]]
    again = np.r_[False, (np.diff(pairs[order]) == 0) & (np.diff(times) < _HOUR * MINUTE_US)]
    counted = np.ones(len(owner), dtype=np.bool_)
    counted[order] = ~again
    return counted


def _tell(stream: Stream, stories: _Stories, minute: int, terms: Sequence[int], posts: tuple[int, int]) -> None:
    for term in terms:
        if stories.rest.get(term, -_REST) > minute - _REST:
            continue
        stories.rest[term] = minute
        stories.open = {t: (at, name) for t, (at, name) in stories.open.items() if at > minute - _HOUR}
        name = _joined(stream, stories, term, posts) or f"{minute}-{term}"
        stories.open[term] = (minute, name)
        time_us = START_US + (minute + 1) * MINUTE_US
        stories.said.append(Announcement(time_us, name, (stream.names[term],)))


def _joined(stream: Stream, stories: _Stories, term: int, posts: tuple[int, int]) -> str | None:
    """The open story most of whose posts this word stands in."""
    if not stories.open:
        return None
    low, high = stream.start[posts[0]], stream.start[posts[1]]
    span = stream.terms[low:high]
    rows = np.searchsorted(stream.start, low + np.flatnonzero(span == term), side="right") - 1
    beside = np.concatenate([stream.terms[stream.start[row] : stream.start[row + 1]] for row in rows[:100]])
    near, counts = np.unique(beside, return_counts=True)
    for place in np.argsort(-counts, kind="stable").tolist():
        if 2 * counts[place] < min(len(rows), 100):
            return None
        if int(near[place]) in stories.open and int(near[place]) != term:
            return stories.open[int(near[place])][1]
    return None
