"""Posts on their way in: held by minute until the minute closes, each once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from services.api.momentum.config import MomentumConfig
from services.api.momentum.model import MINUTE_US, Observation


@dataclass(slots=True)
class Drops:
    """Posts and deletes that did not count, by cause."""

    late: int = 0
    early: int = 0
    duplicate: int = 0


@dataclass(slots=True)
class OpenMinute:
    """Distinct posts of one open minute; ``seen`` counts those sampled away too."""

    seen: int = 0
    posts: dict[str, Observation] = field(default_factory=dict)


class Intake:
    """Open minutes and late posts. ``closed`` is the last closed minute, -1 before the first.

    ``known`` maps each post held here or in the ring to its minute, so that replays are harmless.
    """

    def __init__(self, config: MomentumConfig) -> None:
        self.config = config
        self.closed = -1
        self.open: dict[int, OpenMinute] = {}
        self.late: dict[str, Observation] = {}
        self.known: dict[str, int] = {}
        self.tombstones: dict[str, None] = {}
        self.drops = Drops()

    def add(self, observations: Iterable[Observation]) -> None:
        for observation in observations:
            post = observation.post
            if post in self.known or post in self.tombstones:
                self.drops.duplicate += 1
                continue
            minute = observation.time_us // MINUTE_US
            if minute <= self.closed:
                self._add_late(minute, observation)
                continue
            held = self.open.get(minute)
            if held is None:
                if len(self.open) >= self.config.pending_minutes and not self._make_room(minute):
                    self.drops.early += 1
                    continue
                held = self.open[minute] = OpenMinute()
            self.known[post] = minute
            held.seen += 1
            held.posts[post] = observation
            if len(held.posts) >= 2 * self.config.posts_per_minute:
                self._sample(held)

    def retract(self, post: str) -> int | None:
        """Forget a deleted post; returns its minute when it already is in the ring."""
        minute = self.known.get(post)
        if minute is None:
            self.tombstones[post] = None
            if len(self.tombstones) > self.config.tombstones:
                del self.tombstones[next(iter(self.tombstones))]
            return None
        if self.late.pop(post, None) is not None:
            return None
        held = self.open.get(minute)
        if held is None:
            return minute
        if held.posts.pop(post, None) is not None:
            held.seen -= 1
        return None

    def close(self, minute: int) -> tuple[list[Observation], int]:
        """The minute's posts in a fixed order, at most ``posts_per_minute``, and how many there were."""
        self.closed = minute
        held = self.open.pop(minute, None)
        if held is None:
            return [], 0
        if len(held.posts) > self.config.posts_per_minute:
            self._sample(held)
        return sorted(held.posts.values(), key=_order), held.seen

    def take_late(self) -> dict[int, list[Observation]]:
        """Late posts by minute, oldest minute first."""
        late: dict[int, list[Observation]] = {}
        for observation in sorted(self.late.values(), key=_order):
            late.setdefault(observation.time_us // MINUTE_US, []).append(observation)
        self.late = {}
        return late

    def forget(self, posts: Iterable[str]) -> None:
        """Posts that left the ring."""
        for post in posts:
            self.known.pop(post, None)

    def _add_late(self, minute: int, observation: Observation) -> None:
        room = len(self.late) < self.config.posts_per_minute
        if minute <= self.closed - self.config.amend_minutes or not room:
            self.drops.late += 1
            return
        self.known[observation.post] = minute
        self.late[observation.post] = observation

    def _make_room(self, minute: int) -> bool:
        """Give up the minute furthest ahead for one that is nearer."""
        furthest = max(self.open)
        if minute > furthest:
            return False
        dropped = self.open.pop(furthest)
        self.drops.early += dropped.seen
        self.forget(dropped.posts)
        return True

    def _sample(self, held: OpenMinute) -> None:
        """Keep the posts with the smallest hashes: a uniform sample in whatever order they came."""
        ranked = sorted(held.posts, key=_rank)
        for post in ranked[self.config.posts_per_minute :]:
            del held.posts[post]
            self.known.pop(post, None)


def _order(observation: Observation) -> tuple[int, str]:
    return observation.time_us, observation.post


def _rank(post: str) -> bytes:
    return blake2b(post.encode("utf-8", "surrogatepass"), digest_size=8).digest()
