"""The stage that embeds, over stand-ins for the model, the index and the list of what is pending."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from services.relay.lineup import Lineup
from services.relay.pipeline.embed import EmbedStage
from shared.store.pending import PendingPost
from tests.support.fake_meaning import FakeEmbedder, FakeIndex, FakeModelRows


class FakePending:
    """Pending posts in memory, newest last."""

    def __init__(self) -> None:
        self.posts: list[PendingPost] = []
        self.gone: set[UUID] = set()
        self.removals: list[UUID] = []
        self.most_taken = 0
        self._seq = itertools.count(1)

    def add(self, number: int, text: str = "text") -> None:
        for n in range(number):
            time = datetime(2026, 6, 1, tzinfo=UTC)
            self.posts.append(
                PendingPost(
                    id=uuid4(),
                    seq=next(self._seq),
                    text=f"{text} {n}",
                    feed="f",
                    time=time,
                    languages=["en"],
                    author=n,
                    linked=True,
                    version=n,
                )
            )

    def take(self, limit: int) -> list[PendingPost]:
        return self.posts[::-1][:limit]

    def newer(self, above: int, limit: int) -> list[PendingPost]:
        return [post for post in self.posts[::-1] if post.seq > above][:limit]

    def done(self, posts: Sequence[PendingPost], models: Sequence[str]) -> None:
        assert models == ["fake"]
        self.most_taken = max(self.most_taken, len(posts))
        self.posts = [post for post in self.posts if post not in posts]

    def unwanted(self, limit: int) -> list[UUID]:
        return self.removals[:limit]

    def removed(self, posts: Sequence[UUID]) -> None:
        self.removals = [post for post in self.removals if post not in posts]

    def deleted(self, posts: Sequence[UUID]) -> list[UUID]:
        return [post for post in posts if post in self.gone]


class Stage:
    """An ``EmbedStage`` in batches of 32, what it said last of each component, and what it works with."""

    def __init__(self, index: FakeIndex | None = None, pending: FakePending | None = None) -> None:
        self.embedder, self.index, self.pending = FakeEmbedder(), index or FakeIndex(), pending or FakePending()
        #: Called with each component and state that is said.
        self.heard: Callable[[str, str], object] = lambda _component, _state: None
        self.states: dict[str, str] = {}
        self.reasons: dict[str, str | None] = {}
        self.loads = 0
        models = Lineup(FakeModelRows(), self.index, self._load)
        self.stage = EmbedStage(models, self.index, self.pending, 32, self._say)

    def _load(self, _model: str | None) -> FakeEmbedder:
        self.loads += 1
        return self.embedder

    def _say(self, component: str, state: Any, reason: str | None) -> None:
        self.states[component], self.reasons[component] = state, reason
        self.heard(component, state)
