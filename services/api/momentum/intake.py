"""Posts on their way in: held by minute until the minute closes, each once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heapify, heapreplace

import msgspec

from services.api.momentum.config import MomentumConfig
from services.api.momentum.model import MINUTE_US, Observation
from services.api.momentum.packed import HashIndex, encoded, hash_of, hashes_of

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Observation).decode


@dataclass(slots=True)
class Drops:
    """Posts and deletes that did not count, by cause."""

    late: int = 0
    early: int = 0
    duplicate: int = 0


@dataclass(slots=True)
class OpenMinute:
    """Distinct posts of one open minute, encoded: a third of the memory while they wait. ``seen`` counts
    those sampled away too. ``ranked`` is a heap of its posts, the largest hash first, from when there are
    more than can be kept."""

    seen: int = 0
    posts: dict[str, bytes] = field(default_factory=dict)
    ranked: list[tuple[int, str]] | None = None

    def rank(self) -> list[tuple[int, str]]:
        self.ranked = [(-hash_of(post), post) for post in self.posts]
        heapify(self.ranked)
        return self.ranked


class Intake:
    """Open minutes and late posts. ``closed`` is the last closed minute, -1 before the first.

    ``known`` maps each post held here to its minute, ``ring`` holds the hashes of those in the ring, so
    that replays are harmless.
    """

    def __init__(self, config: MomentumConfig, ring: HashIndex) -> None:
        self.config = config
        self.ring = ring
        self.closed = -1
        self.open: dict[int, OpenMinute] = {}
        self.late: dict[str, Observation] = {}
        self.known: dict[str, int] = {}
        self.tombstones: dict[str, None] = {}
        self.drops = Drops()

    def add(self, observations: Iterable[Observation]) -> None:
        known, tombstones, most = self.known, self.tombstones, self.config.posts_per_minute
        for observation in observations:
            post = observation.post
            if post in known or post in tombstones:
                self.drops.duplicate += 1
                continue
            minute = observation.time_us // MINUTE_US
            held = self.open.get(minute)
            if held is None:
                if minute <= self.closed:
                    self._add_late(minute, observation)
                    continue
                if len(self.open) >= self.config.pending_minutes and not self._make_room(minute):
                    self.drops.early += 1
                    continue
                held = self.open[minute] = OpenMinute()
            held.seen += 1
            if len(held.posts) < most and held.ranked is None:
                held.posts[post] = encode(observation)
                known[post] = minute
            else:
                self._sample(held, minute, observation)

    def retract(self, post: str) -> bool:
        """Forget a deleted post; False when it is not here: it may be in the ring, or still to come."""
        minute = self.known.pop(post, None)
        if minute is None:
            return False
        if self.late.pop(post, None) is None:
            held = self.open[minute]
            held.seen -= 1
            del held.posts[post]
            if held.ranked is not None:
                held.rank()
        self.bury(post)
        return True

    def bury(self, post: str) -> None:
        """A deleted post is not to count when it comes, or comes again."""
        self.tombstones[post] = None
        if len(self.tombstones) > self.config.tombstones:
            del self.tombstones[next(iter(self.tombstones))]

    def close(self, minute: int) -> tuple[list[Observation], int]:
        """The minute's posts in a fixed order, at most ``posts_per_minute``, and how many there were."""
        self.closed = minute
        held = self.open.pop(minute, None)
        if held is None:
            return [], 0
        self._forget(held.posts)
        known = self._in_ring(held.posts)
        new = [decode(packed) for packed, here in zip(held.posts.values(), known, strict=True) if not here]
        self.drops.duplicate += len(held.posts) - len(new)
        return sorted(new, key=_order), held.seen - len(held.posts) + len(new)

    def take_late(self) -> dict[int, list[Observation]]:
        """Late posts by minute, oldest minute first."""
        self._forget(self.late)
        late: dict[int, list[Observation]] = {}
        for observation in sorted(self.late.values(), key=_order):
            late.setdefault(observation.time_us // MINUTE_US, []).append(observation)
        self.late = {}
        return late

    def _add_late(self, minute: int, observation: Observation) -> None:
        if self._in_ring([observation.post])[0]:
            self.drops.duplicate += 1
            return
        room = len(self.late) < self.config.posts_per_minute
        if minute <= self.closed - self.config.amend_minutes or not room:
            self.drops.late += 1
            return
        self.known[observation.post] = minute
        self.late[observation.post] = observation

    def _in_ring(self, posts: Iterable[str]) -> list[bool]:
        return [number >= 0 for number in self.ring.find(hashes_of(encoded(posts))).tolist()]

    def _forget(self, posts: Iterable[str]) -> None:
        for post in posts:
            del self.known[post]

    def _make_room(self, minute: int) -> bool:
        """Give up the minute furthest ahead for one that is nearer."""
        furthest = max(self.open)
        if minute > furthest:
            return False
        dropped = self.open.pop(furthest)
        self.drops.early += dropped.seen
        self._forget(dropped.posts)
        return True

    def _sample(self, held: OpenMinute, minute: int, observation: Observation) -> None:
        """Keep the posts with the smallest hashes: a uniform sample in whatever order they came."""
        ranked = held.ranked or held.rank()
        post = observation.post
        rank = -hash_of(post)
        if ranked and rank > ranked[0][0]:
            _, dropped = heapreplace(ranked, (rank, post))
            del held.posts[dropped], self.known[dropped]
            held.posts[post] = encode(observation)
            self.known[post] = minute


def _order(observation: Observation) -> tuple[int, str]:
    return observation.time_us, observation.post
