"""One batch is stored while the next goes through the model: nothing is lost, mixed up or left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import pytest

from services.relay.pipeline.aside import Aside
from shared.errors import IndexUnavailable
from shared.schemas.vector import Vectors
from shared.store.pending import PendingPost
from shared.vectors.index import Entry
from tests.support.embed_stage import FakePending, Stage
from tests.support.fake_meaning import FakeIndex
from tests.support.waiting import until

BATCH = 32


class GatedIndex(FakeIndex):
    """Stores only while the gate is open, and fails at the upserts it is told to, counted from 1."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        #: Gates of single upserts beside that one.
        self.gates: dict[int, threading.Event] = {}
        self.begun = 0
        self.fails: set[int] = set()

    def upsert(self, model: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        self.begun += 1
        number = self.begun
        for gate in (self.gate, self.gates.get(number, self.gate)):
            assert gate.wait(20)
        if number in self.fails:
            raise IndexUnavailable("A test says so.")
        super().upsert(model, entries, vectors)


class WatchedPending(FakePending):
    """Remembers which threads asked what is unwanted, and posts that were done without a vector."""

    def __init__(self, index: FakeIndex) -> None:
        super().__init__()
        self._index = index
        self.askers: list[str] = []
        self.too_early: list[UUID] = []

    def unwanted(self, limit: int) -> list[UUID]:
        self.askers.append(threading.current_thread().name)
        return super().unwanted(limit)

    def done(self, posts: Sequence[PendingPost], models: Sequence[str]) -> None:
        self.too_early += [post.id for post in posts if post.id not in self._index.entries]
        super().done(posts, models)


class Gated(Stage):
    index: GatedIndex
    pending: WatchedPending

    def __init__(self) -> None:
        index = GatedIndex()
        super().__init__(index, WatchedPending(index))


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gated]:
    monkeypatch.setattr("services.relay.pipeline.embed.MOST_BATCH_POSTS", BATCH)
    stage = Gated()
    yield stage
    stage.index.gate.set()
    stage.stage.stop()


def test_the_next_batch_is_embedded_while_one_is_stored_and_no_third(gated: Gated) -> None:
    gated.pending.add(5 * BATCH)
    gated.stage.start()
    until(lambda: len(gated.embedder.embedded) == 2 * BATCH)
    assert gated.index.begun == 1
    assert len(gated.pending.posts) == 5 * BATCH, "nothing is done before it is stored"
    gated.index.gate.set()
    until(lambda: not gated.pending.posts)
    assert len(gated.embedder.embedded) == len(gated.index.entries) == 5 * BATCH
    assert gated.pending.too_early == []


def test_no_third_batch_is_begun_while_two_are_in_hand(gated: Gated) -> None:
    third = threading.Event()
    gated.embedder.before = lambda _text: third.set() if len(gated.embedder.embedded) >= 2 * BATCH else None
    gated.pending.add(3 * BATCH)
    gated.stage.start()
    until(lambda: len(gated.embedder.embedded) == 2 * BATCH)
    assert not third.wait(0.2)
    gated.index.gate.set()
    assert third.wait(20)


def test_what_is_being_stored_is_not_taken_again(gated: Gated) -> None:
    gated.pending.add(BATCH)
    gated.stage.start()
    until(lambda: gated.index.begun == 1)
    gated.stage.wake()
    threading.Event().wait(0.2)
    gated.index.gate.set()
    until(lambda: not gated.pending.posts)
    gated.stage.stop()
    assert gated.index.begun == 1


@pytest.mark.parametrize("fails", [{1}, {2}, {5}, {1, 2, 4}])
def test_a_store_that_fails_in_the_middle_loses_nothing(gated: Gated, fails: set[int]) -> None:
    gated.index.fails = fails
    gated.index.gate.set()
    gated.pending.add(5 * BATCH)
    everyone = {post.id for post in gated.pending.posts}
    gated.stage.start()
    until(lambda: not gated.pending.posts)
    assert set(gated.index.entries) == everyone
    assert gated.pending.too_early == []
    until(lambda: gated.states["vectors"] == "ok")


def test_a_store_that_fails_is_said_even_if_no_batch_follows(gated: Gated) -> None:
    gated.index.fails = {1}
    gated.index.gate.set()
    gated.pending.add(1)
    seen: list[str] = []
    gated.heard = lambda component, state: seen.append(state) if component == "vectors" else None
    gated.stage.start()
    until(lambda: not gated.pending.posts)
    assert "degraded" in seen


def test_stopping_waits_for_what_is_being_stored(gated: Gated) -> None:
    second = gated.index.gates[2] = threading.Event()
    gated.pending.add(5 * BATCH)
    gated.stage.start()
    until(lambda: len(gated.embedder.embedded) == 2 * BATCH)
    stopping = threading.Thread(target=gated.stage.stop)
    stopping.start()
    assert len(gated.pending.posts) == 5 * BATCH
    gated.index.gate.set()
    until(lambda: gated.index.begun == 2)
    stopping.join(0.2)
    assert stopping.is_alive()
    second.set()
    stopping.join(20)
    # both batches that were in hand are stored, and what is not done is still pending
    assert len(gated.index.entries) == 2 * BATCH
    assert {post.id for post in gated.pending.posts}.isdisjoint(gated.index.entries)
    assert len(gated.pending.posts) == 3 * BATCH


def test_a_new_post_goes_next_while_the_backlog_is_being_stored(gated: Gated) -> None:
    gated.pending.add(10 * BATCH)

    def look(_text: str) -> None:
        # the first batch is being stored, the second goes through the model
        if len(gated.embedder.embedded) == BATCH and gated.pending.posts[-1].text != "fresh 0":
            gated.pending.add(1, "fresh")
            gated.stage.wake()

    gated.embedder.before = look
    gated.stage.start()
    until(lambda: len(gated.embedder.embedded) == 2 * BATCH)
    gated.index.gate.set()
    until(lambda: not gated.pending.posts)
    assert gated.embedder.embedded.index("fresh 0") == 2 * BATCH
    assert len(gated.embedder.embedded) == 10 * BATCH + 1, "none was embedded twice"


def test_removals_never_come_between_a_vector_and_its_post_being_done(gated: Gated) -> None:
    # else the vector of a post that is gone and came back could be removed and the post called done
    gated.pending.add(3 * BATCH)
    gated.stage.start()
    until(lambda: len(gated.embedder.embedded) == 2 * BATCH)
    assert gated.pending.askers == ["relay-embed", "relay-embed-store"]


def test_removals_go_on_when_the_model_stops_after_a_batch(gated: Gated) -> None:
    gated.index.gate.set()
    gated.pending.add(1)
    gated.stage.start()
    until(lambda: not gated.pending.posts)
    gated.embedder.available = False
    gated.pending.removals = [uuid4()]
    gated.stage.wake()
    until(lambda: not gated.pending.removals)


def test_a_model_that_fails_while_a_batch_is_stored_leaves_that_batch_alone(gated: Gated) -> None:
    def look(_text: str) -> None:
        if len(gated.embedder.embedded) == BATCH:
            gated.embedder.broken = True
            raise RuntimeError("A test says so.")

    gated.embedder.before = look
    gated.pending.add(3 * BATCH)
    gated.stage.start()
    until(lambda: gated.states.get("embedding") == "degraded")
    gated.index.gate.set()
    until(lambda: len(gated.pending.posts) == 2 * BATCH)
    gated.embedder.before = lambda _text: None
    gated.embedder.broken = False
    until(lambda: not gated.pending.posts)
    assert len(gated.embedder.embedded) == len(gated.index.entries) == 3 * BATCH
    assert gated.pending.too_early == []


def test_what_fails_aside_is_raised_once_to_who_waits() -> None:
    aside, after = Aside("test"), threading.Event()

    def fail() -> None:
        raise IndexUnavailable("A test says so.")

    aside.begin(fail)
    with pytest.raises(IndexUnavailable):
        aside.begin(after.set)
    assert not after.is_set()
    aside.finish()
    aside.begin(after.set)
    aside.finish()
    assert after.is_set()
    assert not aside.busy


def test_an_index_that_goes_on_failing_is_not_called_well_in_between() -> None:
    """Given an index that prepares but does not store: between two tries nothing says that it is well again."""
    index = GatedIndex()
    index.gate.set()
    index.fails = set(range(1, 4))
    stage = Stage(index)
    said: list[str] = []
    stage.heard = lambda component, state: said.append(state) if component == "vectors" else None
    stage.pending.add(3)
    stage.stage.start()
    try:
        until(lambda: not stage.pending.posts and said[-1] == "ok")
    finally:
        stage.stage.stop()
    failing = said[said.index("degraded") :]
    assert failing.count("degraded") == 3
    assert "ok" not in failing[: len(failing) - failing[::-1].index("degraded")]


def test_an_index_that_could_not_be_prepared_is_well_again_without_a_new_post() -> None:
    class Late(GatedIndex):
        def ensure(self, model: str) -> None:
            self.begun += 1
            if self.begun < 3:
                raise IndexUnavailable("A test says so.")
            super().ensure(model)

    stage = Stage(Late())
    stage.stage.start()
    try:
        until(lambda: stage.states.get("vectors") == "degraded")
        until(lambda: stage.states.get("vectors") == "ok")
    finally:
        stage.stage.stop()
