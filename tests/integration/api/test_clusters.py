"""What the last hour talks about, on the real store and through the real API: one writer, kills, outages, deletions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import numpy as np
import pytest

from services.api.clusters import jobs
from services.api.clusters.jobs import ClusterJob, bound_of
from services.api.entry import Grouper
from services.api.scheduler.leader import Scheduler
from services.api.scheduler.lease import Lease
from shared.schemas.cluster import ClusterDetail, ClusterList
from shared.schemas.vector import DIMENSION
from shared.store.database import Command, Database
from shared.vectors.index import Entry, VectorIndex
from shared.vectors.memory import MemoryIndex
from shared.vectors.pgvector import PgvectorIndex
from shared.vectors.qdrant import QdrantIndex, connect
from tests.support import records
from tests.support.api import Served
from tests.support.qdrant_server import qdrant_server
from tests.support.records import BEGAN
from tests.support.waiting import eventually

MODEL = "m"


class Process:
    """One API process's job and lease."""

    def __init__(self, database: Database, index: VectorIndex, name: str = "a", model: str | None = MODEL) -> None:
        self.said: list[tuple[str, str | None]] = []
        self.model: str | None = model
        self.lease = Lease(database, "clusters", name)
        self.job = ClusterJob(
            database,
            index,
            lambda: (self.model, "There is no embedding model: turned off."),
            Grouper(),
            say=lambda state, reason: self.said.append((state, reason)),
            every=0.0,
        )
        self.scheduler = Scheduler(self.lease, [self.job])


class Posts:
    """Writes posts with vectors about things."""

    def __init__(self, database: Database, index: VectorIndex) -> None:
        self._database, self._index, self._chance = database, index, np.random.default_rng(4)
        self._cone = 5 * self._chance.normal(size=DIMENSION)

    def put(self, about: str, count: int, *, minute: float = 30, vectors: bool = True, start: int = 0) -> list[str]:
        """``count`` posts around ``minute``, each by a person of its own; their names."""
        centre = np.random.default_rng(sum(map(ord, about))).normal(size=DIMENSION)
        names = [f"{about}-{start + number}" for number in range(count)]
        entries, rows = [], []
        for number, name in enumerate(names):
            time = BEGAN + timedelta(minutes=minute, seconds=number / 10)
            terms = [about] if about else [f"word{number}"]
            print_ = int(self._chance.integers(1, 1 << 62))
            records.put_post(
                self._database, name, time=time, text=f"{about} {number}", author=name, terms=terms, fingerprint=print_
            )
            row = self._chance.normal(size=DIMENSION) + self._cone + (centre if about else 0)
            entries.append(Entry(UUID(records.id_of(name)), "bluesky", time, ("en",)))
            rows.append(row / np.linalg.norm(row))
        if vectors:
            self._index.upsert(MODEL, entries, np.array(rows, dtype=np.float32))
        return names


@pytest.fixture(autouse=True)
def feed(database: Database) -> None:
    records.put_feed(database)
    records.put_cursor(database, "bluesky", BEGAN + timedelta(hours=1))


@pytest.fixture
def index() -> MemoryIndex:
    return MemoryIndex()


@pytest.fixture
def posts(database: Database, index: MemoryIndex) -> Posts:
    return Posts(database, index)


def read(api: Served, address: str = "/api/v1/clusters", form: Any = ClusterList, **params: Any) -> Any:
    answer: httpx.Response = eventually(
        lambda: found if (found := api.http.get(address, params=params)).status_code != 503 else None
    )
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=form)


def test_conversations_are_listed_with_their_posts(
    api: Served, database: Database, index: MemoryIndex, posts: Posts
) -> None:
    posts.put("", 150)
    storm = posts.put("storm", 40, minute=45)
    posts.put("vote", 20, minute=10)
    posts.put("", 30, minute=-30, start=500)  # before the window
    Process(database, index).scheduler.turn()
    found = read(api)
    assert (found.state, found.posts, found.sampled, found.compared, found.scattered) == ("ok", 210, 210, 210, 150)
    assert [(one.label, one.posts, one.people, one.trend) for one in found.clusters] == [
        ("storm", 40, 40, "new"),
        ("vote", 20, 20, "fading"),
    ]
    assert found.as_of == BEGAN + timedelta(hours=1)
    assert len({post.author for post in found.clusters[0].examples}) == 3
    # and each has its posts, page by page, newest first
    seen: list[str] = []
    before: dict[str, str] = {}
    while True:
        page = read(api, f"/api/v1/clusters/{found.clusters[0].id}", ClusterDetail, limit=15, **before)
        seen += [post.id for post in page.posts]
        if page.next is None:
            break
        before = {"before": page.next}
    assert seen == [records.id_of(name) for name in reversed(storm)]


def test_a_deleted_post_never_shows(api: Served, database: Database, index: MemoryIndex, posts: Posts) -> None:
    posts.put("", 100)
    names = posts.put("storm", 30)
    process = Process(database, index)
    process.scheduler.turn()
    (one,) = read(api).clusters
    # at once, before any refresh
    gone = {post.id for post in one.examples} | {records.id_of(names[0])}
    for name in names:
        if records.id_of(name) in gone:
            records.delete_post(database, name)
    (one,) = read(api).clusters
    assert one.examples == []
    detail = read(api, f"/api/v1/clusters/{one.id}", ClusterDetail)
    assert not gone & {post.id for post in detail.posts}
    # and then in the figures
    process.scheduler.turn()
    (one,) = read(api).clusters
    assert one.posts == 30 - len(gone)
    assert not gone & {post.id for post in one.examples}


def test_another_process_and_a_restart_go_on_with_the_same_ids(
    api: Served, database: Database, index: MemoryIndex, posts: Posts
) -> None:
    posts.put("", 120)
    posts.put("storm", 30)
    posts.put("vote", 20)
    first = Process(database, index)
    first.scheduler.turn()
    before = read(api)
    first.lease.release()
    posts.put("storm", 5, minute=50, start=30)
    Process(database, index, "b").scheduler.turn()
    after = read(api)
    assert [one.id for one in after.clusters] == [one.id for one in before.clusters]
    assert [one.label for one in after.clusters] == [one.label for one in before.clusters]
    assert after.clusters[0].posts == 35
    for old, new in zip(before.clusters, after.clusters, strict=True):
        assert np.hypot(old.place.x - new.place.x, old.place.y - new.place.y) < 40


def test_only_the_holder_of_the_lease_writes(api: Served, database: Database, index: MemoryIndex, posts: Posts) -> None:
    posts.put("", 100)
    posts.put("storm", 30)
    holder, other = Process(database, index, "a"), Process(database, index, "b")
    holder.scheduler.turn()
    assert other.scheduler.turn() == pytest.approx(3.0)
    assert other.said == []
    # a holder that lost its lease meanwhile writes nothing
    database.execute(Command("UPDATE lease SET holder = 'c', epoch = epoch + 1 WHERE name = 'clusters'"))
    posts.put("vote", 30)
    with pytest.raises(Exception, match="Another process"):
        holder.job.run(holder.lease)
    assert [one.label for one in read(api).clusters] == ["storm"]


def test_a_kill_anywhere_leaves_a_whole_picture(
    api: Served, database: Database, index: MemoryIndex, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts.put("", 100)
    posts.put("storm", 30)
    Process(database, index).scheduler.turn()
    before = read(api)
    posts.put("vote", 20)
    calls = deadly = 0
    for method in ("fetch", "fetch_one", "execute", "transaction"):
        genuine: Callable[..., Any] = getattr(Database, method)

        def mortal(self: Database, *args: Any, _genuine: Any = genuine, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == deadly:
                raise KeyboardInterrupt
            return _genuine(self, *args, **kwargs)

        monkeypatch.setattr(Database, method, mortal)
    killed = 0
    for place in range(2, 30):
        calls, deadly = 0, place
        try:
            Process(database, index).scheduler.turn()
            break
        except KeyboardInterrupt:
            killed += 1
            assert [one.id for one in read(api).clusters] == [one.id for one in before.clusters]
    assert killed > 3
    assert [one.label for one in read(api).clusters] == ["storm", "vote"]
    assert read(api).clusters[0].id == before.clusters[0].id


def test_few_vectors_are_said_to_be_few(api: Served, database: Database, index: MemoryIndex, posts: Posts) -> None:
    posts.put("", 12)
    posts.put("storm", 28, vectors=False)
    process = Process(database, index)
    process.scheduler.turn()
    found = read(api)
    assert (found.state, found.reason) == ("degraded", "12 of 40 posts of the hour have their vector so far.")
    assert found.do
    # once they come, all is well
    posts.put("storm", 1, start=99)
    index.upsert(
        MODEL,
        [Entry(UUID(records.id_of(f"storm-{n}")), "bluesky", BEGAN, ("en",)) for n in range(28)],
        np.ones((28, DIMENSION), np.float32),
    )
    process.scheduler.turn()
    assert (read(api).state, read(api).compared) == ("ok", 41)


def test_with_the_index_away_the_last_picture_stays_and_says_so(
    api: Served, database: Database, index: MemoryIndex, posts: Posts
) -> None:
    posts.put("", 100)
    posts.put("storm", 30)
    process = Process(database, index)
    process.scheduler.turn()
    index.away = True
    posts.put("", 1, vectors=False, start=500)
    process.scheduler.turn()
    found = read(api)
    assert found.state == "degraded"
    assert "vector index did not answer" in found.reason
    assert [one.label for one in found.clusters] == ["storm"]
    assert process.said[-1][0] == "degraded"
    index.away = False
    process.scheduler.turn()
    assert read(api).state == "ok"


def test_without_a_model_it_is_off_and_comes_back(
    api: Served, database: Database, index: MemoryIndex, posts: Posts
) -> None:
    posts.put("", 100)
    posts.put("storm", 30)
    process = Process(database, index, model=None)
    process.scheduler.turn()
    found = read(api)
    assert (found.state, found.clusters, found.as_of) == ("off", [], None)
    assert "turned off" in found.reason
    process.model = MODEL
    process.job.forget()
    process.scheduler.turn()
    assert [one.label for one in read(api).clusters] == ["storm"]


def test_another_model_begins_anew(api: Served, database: Database, index: MemoryIndex, posts: Posts) -> None:
    posts.put("", 100)
    posts.put("storm", 30)
    process = Process(database, index)
    process.scheduler.turn()
    process.model = "another"
    process.scheduler.turn()
    found = read(api)
    assert (found.compared, found.clusters, found.state) == (0, [], "degraded")


def test_before_anything_came_it_is_empty_and_well(api: Served, database: Database, index: MemoryIndex) -> None:
    assert read(api) == ClusterList(
        clusters=[],
        as_of=None,
        window_minutes=60,
        posts=0,
        sampled=0,
        compared=0,
        scattered=0,
        width=1000.0,
        height=640.0,
        state="ok",
    )
    database.execute(Command("DELETE FROM feed_cursor"))
    process = Process(database, index)
    process.scheduler.turn()
    assert read(api).clusters == []
    assert process.said[-1] == ("ok", None)


def test_a_picture_that_stands_still_says_how_old_it_is(
    api: Served, database: Database, index: MemoryIndex, posts: Posts
) -> None:
    posts.put("", 100)
    posts.put("storm", 30)
    Process(database, index).scheduler.turn()
    records.put_cursor(database, "bluesky", BEGAN + timedelta(hours=1, minutes=20))
    found = read(api)
    assert (found.state, found.reason) == ("degraded", "This is from 20 minutes before the newest post.")


def test_the_topic_that_is_the_same_thing_is_named(
    api: Served, database: Database, index: MemoryIndex, posts: Posts
) -> None:
    posts.put("", 100)
    names = posts.put("storm", 30)
    posts.put("vote", 30)
    for topic, status, shared in (("t1", "rising", 12), ("t2", "rising", 2), ("t3", "ended", 30)):
        records.put_topic(database, topic, status=status, label=f"Topic {topic}")
        for name in names[:shared]:
            database.execute(
                Command("INSERT INTO topic_post VALUES (%(topic)s, %(post)s, %(time)s)"),
                {"topic": topic, "post": records.id_of(name), "time": BEGAN},
            )
    Process(database, index).scheduler.turn()
    found = {one.label: one.topic for one in read(api).clusters}
    assert found["storm"].id == "t1"
    assert found["vote"] is None


def test_of_too_many_posts_an_even_sample_is_compared(
    api: Served, database: Database, index: MemoryIndex, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts.put("", 240)
    posts.put("storm", 160)
    process = Process(database, index)
    monkeypatch.setattr(process.job, "_config", msgspec.structs.replace(process.job._config, most_posts=200))
    process.scheduler.turn()
    found = read(api)
    assert found.posts == 400
    assert 120 <= found.sampled == found.compared <= 200
    (one,) = found.clusters
    assert 120 <= one.posts <= 200  # scaled up to the hour
    assert one.people < one.posts
    first = read(api, f"/api/v1/clusters/{one.id}", ClusterDetail, limit=200).posts
    process.scheduler.turn()
    assert [post.id for post in read(api, f"/api/v1/clusters/{one.id}", ClusterDetail, limit=200).posts] == [
        post.id for post in first
    ]


def test_the_bound_of_a_sample_moves_in_steps() -> None:
    assert bound_of(10, 100).int == (1 << 128) - 1
    assert bound_of(100_000, 10_000) == bound_of(104_000, 10_000)
    assert bound_of(100_000, 10_000).int < (1 << 128) // 10


def test_what_is_not_there_is_told_apart_from_what_is_wrong(api: Served) -> None:
    read(api)
    assert api.http.get("/api/v1/clusters/none").status_code == 404
    assert api.http.get("/api/v1/clusters/none", params={"before": "???"}).status_code == 400
    assert api.http.get("/api/v1/clusters/none", params={"limit": 0}).status_code == 400
    assert api.http.get("/api/v1/clusters/'; DROP TABLE cluster; --").status_code == 404


@pytest.fixture(params=["pgvector", "qdrant"])
def production(request: pytest.FixtureRequest, database: Database) -> Iterator[VectorIndex]:
    if request.param == "pgvector":
        yield PgvectorIndex(database)
        return
    with qdrant_server() as server:
        client = connect(server.url, "")
        yield QdrantIndex(client)
        client.close()


def test_the_engines_of_production_do_as_well(api: Served, database: Database, production: VectorIndex) -> None:
    posts = Posts(database, production)
    posts.put("", 120)
    posts.put("storm", 30)
    assert jobs.READ_VECTORS > 100
    Process(database, production).scheduler.turn()
    assert [(one.label, one.posts) for one in read(api).clusters] == [("storm", 30)]
