"""A tiny momentum engine with the real one's interface: a topic a term, counted exactly."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from shared.errors import ConflictError, InputError

MINUTE_US = 60_000_000


class Observation(msgspec.Struct, frozen=True):
    time_us: int
    post: str
    author: int
    terms: tuple[str, ...]
    fingerprint: int
    language: str


class TopicState(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    score: float
    posts_hour: int
    label: str = "label"
    terms: tuple[str, ...] = ()
    status: str = "rising"
    authors_hour: int = 1
    usual_hour: float = 1.0
    ratio: float = 1.0
    provisional: bool = False
    began_us: int = 0
    detected_us: int = 0
    languages: tuple[str, ...] = ("en",)
    why: str = "because"
    representatives: tuple[str, ...] = ()
    peak_us: int = 0
    peak_posts: int = 1
    decay: float = 0.0


class TopicMinute(msgspec.Struct, frozen=True):
    topic: str
    minute_us: int
    posts: int
    authors: int
    usual: float


@dataclass
class Tick:
    minute_us: int
    topics: list[TopicState]
    assignments: list[tuple[str, str, int]]
    minutes: list[TopicMinute]


class State(msgspec.Struct):
    config: str
    closed: int = -1
    open: dict[str, Observation] = msgspec.field(default_factory=dict)
    totals: dict[str, int] = msgspec.field(default_factory=dict)
    gone: list[str] = msgspec.field(default_factory=list)
    gaps: list[tuple[int, int]] = msgspec.field(default_factory=list)


@dataclass
class Engine:
    state: State

    def observe(self, observations: object) -> None:
        for observation in observations:  # type: ignore[attr-defined]
            if observation.time_us // MINUTE_US > self.state.closed and observation.post not in self.state.gone:
                self.state.open[observation.post] = observation

    def retract(self, posts: object) -> None:
        for post in posts:  # type: ignore[attr-defined]
            self.state.open.pop(post, None)
            self.state.gone.append(post)

    def gap(self, start_us: int, end_us: int) -> None:
        self.state.gaps.append((start_us, end_us))

    def advance(self, watermark_us: int) -> list[Tick]:
        due = {
            o.time_us // MINUTE_US
            for o in self.state.open.values()
            if o.time_us // MINUTE_US < watermark_us // MINUTE_US
        }
        return [self._close(minute) for minute in sorted(due)]

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self.state)

    def _close(self, minute: int) -> Tick:
        self.state.closed = minute
        posts = sorted(
            (o for o in self.state.open.values() if o.time_us // MINUTE_US == minute), key=lambda o: (o.time_us, o.post)
        )
        counts: dict[str, int] = {}
        for post in posts:
            del self.state.open[post.post]
            for term in post.terms:
                counts[term] = counts.get(term, 0) + 1
        for term, count in counts.items():
            self.state.totals[term] = self.state.totals.get(term, 0) + count
        return Tick(
            minute * MINUTE_US,
            [TopicState(id=term, score=total, posts_hour=total) for term, total in sorted(self.state.totals.items())],
            [(term, post.post, post.time_us) for post in posts for term in post.terms],
            [TopicMinute(term, minute * MINUTE_US, count, count, 0.5) for term, count in counts.items()],
        )


@dataclass
class Maker:
    """Makes engines; a snapshot of another ``config`` is refused, as the real one does."""

    config: str = "one"
    made: list[Engine] = field(default_factory=list)
    observation = Observation

    def engine(self, snapshot: bytes | None) -> Engine:
        try:
            state = msgspec.msgpack.decode(snapshot, type=State) if snapshot else State(self.config)
        except msgspec.DecodeError as error:
            raise InputError("The snapshot cannot be read.") from error
        if state.config != self.config:
            raise ConflictError("The snapshot was made under other parameters.")
        self.made.append(Engine(state))
        return self.made[-1]
