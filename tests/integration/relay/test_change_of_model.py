"""Another model takes the place of the one before, in the background, on real PostgreSQL and pgvector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.api.meaning import LazyEmbedder
from services.relay.lineup import Lineup
from services.relay.pending import StoreModelRows, StorePending
from services.relay.pipeline.embed import EmbedStage
from shared.config.settings import Settings
from shared.contracts.ids import post_id
from shared.embedding.chain import load_by_id
from shared.embedding.embedder import Embedder
from shared.embedding.models import ENGLISH
from shared.embedding.null import AbsentEmbedder
from shared.store import vector_models
from shared.store.database import Command, Database, Statement
from shared.store.vector_models import VectorModel
from shared.store.vectors import Count
from shared.vectors.index import Entry, Filter
from shared.vectors.pgvector import PgvectorIndex
from tests.support.fake_meaning import FakeEmbedder
from tests.support.multilingual import EVENTS

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
POSTS = 20
BATCH = 6

ADD = Command(
    """WITH added AS (
         INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages)
         VALUES (%(id)s, 'sky', %(uri)s, 'someone', 1, %(time)s, %(text)s, '{en}')
         RETURNING id, seq
       ) INSERT INTO embedding_pending (post, seq) SELECT id, seq FROM added"""
)
DELETE = Command(
    """WITH gone AS (UPDATE post SET deleted_at = now(), text = '' WHERE id = %(id)s RETURNING id),
            unwanted AS (DELETE FROM embedding_pending WHERE post = %(id)s)
       INSERT INTO vector_removal (post) SELECT id FROM gone"""
)
PASS_GRACE = Command(
    "UPDATE vector_model SET activated_at = now() - interval '1 hour', started_at = now() - interval '1 hour'"
)
PENDING = Statement("SELECT count(*) AS count FROM embedding_pending", Count)
REMOVALS = Statement("SELECT count(*) AS count FROM vector_removal", Count)


class Killed(BaseException):
    """As if the process had ended here."""


class World:
    """A record with posts, and relays over it that begin and end."""

    def __init__(self, database: Database) -> None:
        self.database, self.index = database, PgvectorIndex(database)
        database.execute(Command("INSERT INTO feed (id, kind, url) VALUES ('sky', 'jetstream', '')"))
        self.models: dict[str, Any] = {name: FakeEmbedder(name) for name in ("old", "new")}
        self.said: list[tuple[str, str | None]] = []
        self.number = 0
        self.ids: list[UUID] = []

    def add(self, count: int = 1) -> None:
        for _ in range(count):
            uri = f"at://did:plc:a/app.bsky.feed.post/{self.number}"
            row = {"id": post_id(uri), "uri": uri, "text": f"post number {self.number}"}
            self.database.execute(ADD, row | {"time": NOON + timedelta(minutes=self.number)})
            self.ids.append(post_id(uri))
            self.number += 1

    def relay(self, wanted: str, index: Any = None, rows: Any = None, pending: Any = None) -> EmbedStage:
        """A relay that has just been started with ``wanted`` in its settings."""

        def load(model: str | None) -> Embedder:
            found: Embedder = self.models.get(model or wanted) or AbsentEmbedder(model or wanted, "not installed")
            return found

        index = index or self.index
        lineup = Lineup(rows or StoreModelRows(self.database), index, load, lambda work: work())
        stage = EmbedStage(lineup, index, pending or StorePending(self.database), BATCH, self._say)
        stage.wake()
        return stage

    def _say(self, component: str, _state: Any, reason: str | None) -> None:
        self.said.append((component, reason))

    def turn(self, stage: EmbedStage) -> bool:
        """One turn, until what it made is stored; False when there was nothing to do."""
        busy = stage._turn()
        stage._storing.finish()
        return busy

    def settle(self, stage: EmbedStage) -> None:
        """Turns until there is nothing to do, each beside the storing of what the one before it made."""
        try:
            for _ in range(500):
                if not stage._turn():
                    return
                stage._said_at = 0.0
        except Killed:
            with suppress(Killed):
                stage._storing.finish()
            raise
        raise AssertionError("it never settles")

    def rows(self) -> dict[str, VectorModel]:
        return {row.model: row for row in self.database.fetch(vector_models.READ)}

    def counts(self) -> dict[str, int]:
        return {model: self.index.count(model) for model in self.index.models()}

    def count(self, statement: Statement[Count]) -> int:
        return self.database.fetch(statement)[0].count

    def search(self) -> LazyEmbedder:
        """The API's view at this moment."""
        lazy = LazyEmbedder()
        lazy.look(
            lambda: self.database.fetch(vector_models.READ),
            lambda model: self.models[model or "new"],
            lambda _state, _reason: None,
        )
        return lazy

    def found_by_meaning(self, every: int = 1) -> int:
        """How many posts (of one in ``every``) a search for their very text finds first, with the API's model."""
        embedder = self.search().current()
        found = 0
        for number, post in list(enumerate(self.ids))[::every]:
            vector = embedder.embed([f"post number {number}"], "query")[0]
            matches = self.index.search(embedder.model, vector, 1, Filter())
            found += bool(matches) and matches[0].post == post and matches[0].similarity > 0.99
        return found


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    world = World(database)
    world.add(POSTS)
    world.settle(world.relay("old"))
    assert world.counts() == {"old": POSTS}
    return world


def test_the_first_model_is_active_at_once(world: World) -> None:
    assert {row.model: row.state for row in world.rows().values()} == {"old": "active"}
    assert world.count(PENDING) == 0


def test_all_is_embedded_anew_and_then_they_change_places(world: World) -> None:
    stage = world.relay("new")
    while world.turn(stage):
        # whatever is compared, it is one model's vectors, and every post is found by it
        assert world.found_by_meaning() == POSTS
        stage._said_at = 0.0
    assert {row.model: row.state for row in world.rows().values()} == {"new": "active"}
    assert world.search().current().model == "new"
    # the old vectors stay for searches that have begun, and go afterwards
    assert world.counts() == {"new": POSTS, "old": POSTS}
    world.database.execute(PASS_GRACE)
    world.settle(stage)
    assert world.counts() == {"new": POSTS}
    assert ("embedding", f"Re-embedding with new: {BATCH} of {POSTS} posts.") in world.said


def test_what_comes_in_meanwhile_gets_vectors_of_both(world: World) -> None:
    stage = world.relay("new")
    world.turn(stage)
    world.add(3)
    stage.wake()
    world.turn(stage)
    assert world.counts() == {"new": BATCH + 3, "old": POSTS + 3}
    assert world.count(PENDING) == 0
    world.settle(stage)
    assert world.counts() == {"new": POSTS + 3, "old": POSTS + 3}


def test_a_post_deleted_meanwhile_loses_its_vectors_of_both(world: World) -> None:
    stage = world.relay("new")
    for _ in range(2):
        world.turn(stage)
    for post in world.ids[:5]:
        world.database.execute(DELETE, {"id": post})
    world.settle(stage)
    assert world.counts() == {"new": POSTS - 5, "old": POSTS - 5}
    assert world.count(REMOVALS) == 0


def test_going_back_half_way_keeps_the_old_and_drops_what_was_begun(world: World) -> None:
    stage = world.relay("new")
    for _ in range(2):
        world.turn(stage)
    world.add(2)
    back = world.relay("old")
    world.settle(back)
    assert {row.model: row.state for row in world.rows().values()} == {"old": "active"}
    assert world.counts()["old"] == POSTS + 2
    world.database.execute(PASS_GRACE)
    world.settle(world.relay("old"))
    assert world.counts() == {"old": POSTS + 2}
    # and forth again, from the beginning
    world.settle(world.relay("new"))
    assert world.search().current().model == "new"
    assert world.found_by_meaning() == POSTS + 2


def test_a_change_to_a_model_that_cannot_be_loaded_is_not_begun(world: World) -> None:
    world.models["new"].available = False
    world.add(2)
    world.settle(world.relay("new"))
    assert {row.model: row.state for row in world.rows().values()} == {"old": "active"}
    assert world.counts() == {"old": POSTS + 2}


def test_an_old_model_that_is_no_longer_here_holds_nothing_up(world: World) -> None:
    del world.models["old"]
    world.add(2)
    stage = world.relay("new")
    world.turn(stage)
    assert world.rows()["old"].lost
    assert world.count(PENDING) == 0
    world.settle(stage)
    assert world.counts() == {"new": POSTS + 2, "old": POSTS}
    # it comes back, and is wanted again: nothing is missing
    world.models["old"] = FakeEmbedder("old")
    world.settle(world.relay("old"))
    assert world.search().current().model == "old"
    assert world.counts()["old"] == POSTS + 2


def test_a_model_that_fails_half_way_is_lost_and_looked_through_again(world: World) -> None:
    stage = world.relay("new")
    world.turn(stage)
    world.models["new"].available = False
    world.add(2)
    stage.wake()
    world.settle(stage)
    assert world.counts() == {"new": BATCH, "old": POSTS + 2}
    assert world.rows()["new"].lost
    world.models["new"].available = True
    stage.wake()
    world.settle(stage)
    assert world.search().current().model == "new"
    assert world.found_by_meaning() == POSTS + 2


def test_posts_are_not_done_while_a_model_that_runs_was_left_out(world: World) -> None:
    world.add(1)
    pending = StorePending(world.database)
    taken = pending.take(10)
    StoreModelRows(world.database).build("new")
    pending.done(taken, ["old"])
    assert world.count(PENDING) == 1
    pending.done(taken, ["old", "new"])
    assert world.count(PENDING) == 0


class Dying:
    """Passes calls on, and ends the process at the one that is due, before or after it is carried out."""

    def __init__(self, inner: object, clock: list[int]) -> None:
        self._inner, self._clock = inner, clock

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Any] = getattr(self._inner, name)
        if not callable(call):
            return call

        def passed(*args: Any) -> Any:
            self._tick()
            answer = call(*args)
            self._tick()
            return answer

        return passed

    def _tick(self) -> None:
        self._clock[0] -= 1
        if self._clock[0] == 0:
            raise Killed


def test_a_kill_in_the_middle_of_a_backlog_leaves_no_post_without_a_vector_and_not_pending(world: World) -> None:
    kills = 0
    for moment in range(1, 400, 5):
        clock = [moment]
        index, pending = (Dying(inner, clock) for inner in (world.index, StorePending(world.database)))
        world.add(4 * BATCH)
        try:
            world.settle(world.relay("old", index, None, pending))
        except Killed:
            kills += 1
        else:
            break
        left = {post.id for post in StorePending(world.database).take(1_000)}
        kept = set(world.index.vectors("old", world.ids))
        assert left | kept == set(world.ids)
    assert kills > 5
    world.settle(world.relay("old"))
    assert world.count(PENDING) == 0
    assert set(world.index.vectors("old", world.ids)) == set(world.ids)


@pytest.mark.parametrize("first", range(1, 5))
def test_a_kill_at_any_point_resumes(world: World, first: int) -> None:
    kills = 0
    for moment in range(first, 400, 8):
        clock = [moment]
        index, rows, pending = (
            Dying(inner, clock) for inner in (world.index, StoreModelRows(world.database), StorePending(world.database))
        )
        wanted = "new" if "old" in world.rows() and world.rows()["old"].state == "active" else "old"
        world.add(1)
        stage = world.relay(wanted, index, rows, pending)
        try:
            world.settle(stage)
        except Killed:
            kills += 1
        else:
            break
        # dead in the middle: what search sees is whole, and the next relay finishes
        active = next(row.model for row in world.rows().values() if row.state == "active")
        assert world.counts()[active] >= world.number - 1
        world.settle(world.relay(wanted))
        assert {row.model: (row.state, row.complete) for row in world.rows().values()} == {wanted: ("active", True)}
        assert world.found_by_meaning(8) == len(world.ids[::8])
        assert world.count(PENDING) == 0
        if kills % 5:
            world.database.execute(PASS_GRACE)
            world.settle(world.relay(wanted))
            assert world.counts() == {wanted: world.number}
    assert kills > 5


def test_vectors_of_a_version_without_these_rows_count_as_the_active_ones(world: World) -> None:
    world.database.execute(Command("DELETE FROM vector_model"))
    stage = world.relay("new")
    world.turn(stage)
    assert {row.model: row.state for row in world.rows().values()} == {"old": "active", "new": "building"}


def test_a_post_stored_again_after_its_removal_wants_a_vector_again(world: World) -> None:
    post = world.ids[0]
    world.database.execute(Command("INSERT INTO vector_removal (post) VALUES (%(id)s)"), {"id": post})
    stage = world.relay("old")
    world.settle(stage)
    assert (world.counts(), world.count(REMOVALS), world.count(PENDING)) == ({"old": POSTS}, 0, 0)
    assert post in world.index.vectors("old", [post])


def test_the_api_keeps_its_model_while_the_store_is_away(world: World) -> None:
    lazy = world.search()
    before = lazy.current()

    def away() -> Sequence[VectorModel]:
        from shared.errors import StoreUnavailable

        raise StoreUnavailable("PostgreSQL did not answer.")

    lazy.look(away, lambda model: world.models[model or "new"], lambda _state, _reason: None)
    assert lazy.current() is before


def test_near_duplicates_share_a_vector_but_not_an_entry(world: World) -> None:
    text = "the bridge over the harbour is closed until tomorrow morning"
    for number, form in enumerate((text, text.upper() + " https://t.example/1", "@someone " + text)):
        uri = f"at://did:plc:a/app.bsky.feed.post/copy{number}"
        row = {"id": post_id(uri), "uri": uri, "text": form, "time": NOON}
        world.database.execute(ADD, row)
        world.ids.append(post_id(uri))
    embedded = len(world.models["old"].embedded)
    world.settle(world.relay("old"))
    assert len(world.models["old"].embedded) == embedded + 1
    assert len(world.index.vectors("old", world.ids[-3:])) == 3
    assert isinstance(world.index.recent("old", NOON, NOON + timedelta(days=1), 1)[0][0], Entry)


def test_the_real_two_models_change_places(
    database: Database, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = World(database)
    english = load_by_id(Settings(), tmp_path_factory.mktemp("english"), ENGLISH.id)
    assert english.available, english.reason
    world.models = {model.model: model for model in (embedder, english)}
    told = [events["en"] for events in EVENTS.values()]
    for number, text in enumerate(told):
        uri = f"at://did:plc:a/app.bsky.feed.post/{number}"
        database.execute(ADD, {"id": post_id(uri), "uri": uri, "time": NOON, "text": text})
        world.ids.append(post_id(uri))

    def first(asked: Embedder) -> list[UUID]:
        vectors = asked.embed(list(EVENTS), "query")
        found = [world.index.search(asked.model, vector, 1, Filter())[0] for vector in vectors]
        assert all(match.similarity >= asked.floor for match in found)
        return [match.post for match in found]

    world.settle(world.relay(embedder.model))
    right = [first(embedder)]
    world.settle(world.relay(english.model))
    assert {row.model: row.state for row in world.rows().values()} == {ENGLISH.id: "active"}
    right.append(first(english))
    assert all(sum(a == b for a, b in zip(found, world.ids, strict=True)) >= 10 for found in right)
