"""One suite over every vector index: what each of them promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from shared.config.settings import Settings
from shared.errors import IndexUnavailable, InputError
from shared.schemas.vector import DIMENSION, Vectors
from shared.store.database import Database
from shared.vectors.index import Entry, Filter, Match, VectorIndex
from shared.vectors.memory import MemoryIndex
from shared.vectors.pgvector import PgvectorIndex
from shared.vectors.qdrant import QdrantIndex, connect
from tests.support import qdrant_docker
from tests.support.qdrant_server import qdrant_server

MODEL = "model-a"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANY = Filter()
LEAST = -(2**63)
DAWN, DUSK = NOON - 6 * HOUR, NOON + 6 * HOUR


@pytest.fixture(scope="session")
def real_qdrant() -> Iterator[str]:
    """The address of a real server; skips where none can be had."""
    if reason := qdrant_docker.absent():
        pytest.skip(reason)
    with qdrant_docker.container() as url:
        yield url


@pytest.fixture(params=["memory", "pgvector", "qdrant", pytest.param("real qdrant", marks=pytest.mark.docker)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def index(kind: str, request: pytest.FixtureRequest) -> Iterator[VectorIndex]:
    if kind == "memory":
        yield MemoryIndex()
    elif kind == "pgvector":
        yield PgvectorIndex(request.getfixturevalue("database"))
    elif kind == "qdrant":
        with qdrant_server("k3y") as server:
            client = connect(server.url, "k3y")
            yield QdrantIndex(client)
            client.close()
    else:
        client = connect(request.getfixturevalue("real_qdrant"), qdrant_docker.KEY)
        yield QdrantIndex(client)
        for collection in client.get_collections().collections:
            client.delete_collection(collection.name)
        client.close()


@pytest.fixture
def away(kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[VectorIndex]:
    """The same index, with nobody at home."""
    monkeypatch.setattr("shared.vectors.qdrant.PAUSES_SECONDS", (0.01,))
    monkeypatch.setattr("shared.store.database.POOL_WAIT_SECONDS", 0.2)
    if kind == "memory":
        absent = MemoryIndex()
        absent.away = True
        yield absent
    elif kind == "pgvector":
        database = Database(Settings(postgres_url="postgresql://nobody@127.0.0.1:1/none"), name="away", size=1)
        database.open()
        yield PgvectorIndex(database)
        database.close()
    elif kind == "real qdrant":
        pytest.skip("the same as without it")
    else:
        client = connect("http://127.0.0.1:1", "secret")
        yield QdrantIndex(client)
        client.close()


def post(number: int) -> UUID:
    return UUID(int=number)


def among(*numbers: int) -> dict[UUID, datetime]:
    """Posts to look among, of the times that the test of filters gives them."""
    return {post(number): {1: NOON - timedelta(microseconds=1), 4: NOON + HOUR}.get(number, NOON) for number in numbers}


def entry(
    number: int,
    *,
    feed: str = "sky",
    time: datetime = NOON,
    languages: tuple[str, ...] = ("en",),
    author: int = 0,
    linked: bool = False,
) -> Entry:
    return Entry(post(number), feed, time, languages, author, linked)


def at(degrees: float) -> Vectors:
    """A unit vector at that angle from the first axis."""
    vector = np.zeros(DIMENSION, dtype=np.float32)
    vector[0], vector[1] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vector


def posts(matches: list[Match]) -> list[int]:
    return [match.post.int for match in matches]


def fill(index: VectorIndex, entries: list[Entry]) -> None:
    """Entries at 0, 10, 20 ... degrees: nearest to ``at(0)`` in the order given."""
    index.ensure(MODEL)
    index.upsert(MODEL, entries, np.stack([at(10 * place) for place in range(len(entries))]))


def test_the_nearest_come_first_with_their_cosine(index: VectorIndex) -> None:
    fill(index, [entry(1), entry(2), entry(3)])
    matches = index.search(MODEL, at(0), 10, ANY)
    assert posts(matches) == [1, 2, 3]
    expected = np.cos(np.radians([0, 10, 20]))
    assert [match.similarity for match in matches] == pytest.approx(expected, abs=1e-2)


def test_an_opposite_vector_has_a_negative_cosine(index: VectorIndex) -> None:
    fill(index, [entry(1)])
    assert index.search(MODEL, at(180), 1, ANY)[0].similarity == pytest.approx(-1, abs=1e-2)


def test_cosines_of_dense_vectors_are_true_to_half_precision(index: VectorIndex) -> None:
    vectors = np.random.default_rng(1).normal(size=(50, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index.ensure(MODEL)
    index.upsert(MODEL, [entry(number) for number in range(50)], vectors)
    matches = index.search(MODEL, vectors[7], 50, ANY)
    assert posts(matches)[0] == 7
    for match in matches:
        assert match.similarity == pytest.approx(float(vectors[match.post.int] @ vectors[7]), abs=1e-2)


def test_repeating_an_upsert_changes_nothing(index: VectorIndex) -> None:
    for _ in range(2):
        fill(index, [entry(1), entry(2)])
    assert index.count(MODEL) == 2
    assert posts(index.search(MODEL, at(0), 10, ANY)) == [1, 2]


def test_an_upsert_replaces_vector_and_filters(index: VectorIndex) -> None:
    fill(index, [entry(1, feed="old"), entry(2)])
    index.upsert(MODEL, [entry(1, feed="new", languages=("pt",))], at(90)[None])
    assert posts(index.search(MODEL, at(0), 10, ANY)) == [2, 1]
    assert posts(index.search(MODEL, at(0), 10, Filter(feed="new", language="pt"))) == [1]
    assert index.search(MODEL, at(0), 10, Filter(feed="old")) == []


def test_the_last_vector_of_a_post_wins_within_one_batch(index: VectorIndex) -> None:
    index.ensure(MODEL)
    index.upsert(MODEL, [entry(1), entry(1)], np.stack([at(0), at(90)]))
    assert index.search(MODEL, at(90), 1, ANY)[0].similarity == pytest.approx(1, abs=1e-2)
    assert index.count(MODEL) == 1


def test_deleting_removes_and_ignores_what_is_unknown(index: VectorIndex) -> None:
    index.delete([post(5)])
    fill(index, [entry(1), entry(2)])
    index.delete([post(1), post(999)])
    index.delete([])
    assert posts(index.search(MODEL, at(0), 10, ANY)) == [2]
    assert index.count(MODEL) == 1


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(feed="sky"), [1, 2, 4]),
        (Filter(feed="nowhere"), []),
        (Filter(language="pt"), [2, 3]),
        (Filter(since=NOON), [2, 3, 4]),
        (Filter(until=NOON), [1]),
        (Filter(since=NOON, until=NOON + HOUR), [2, 3]),
        (Filter(feed="sky", language="pt", since=NOON, until=NOON + HOUR), [2]),
        (Filter(feed="sky", language="de", since=NOON), []),
        (Filter(language="PT"), [2, 3]),
        (Filter(language="pt-BR"), [3]),
        (Filter(language="p"), []),
        (Filter(author=LEAST), [2]),
        (Filter(author=8), []),
        (Filter(linked=True), [3, 4]),
        (Filter(linked=False), [1, 2]),
        (Filter(posts=among(4, 2, 99)), [2, 4]),
        (Filter(posts={}), []),
        (Filter(posts=among(1, 3), author=7, linked=True, language="pt"), [3]),
    ],
)
def test_filters_alone_and_together(index: VectorIndex, where: Filter, expected: list[int]) -> None:
    fill(
        index,
        [
            entry(1, time=NOON - timedelta(microseconds=1)),
            entry(2, languages=("en", "pt"), author=LEAST),
            entry(3, feed="nostr", languages=("pt-BR",), author=7, linked=True),
            entry(4, time=NOON + HOUR, languages=(), author=7, linked=True),
        ],
    )
    assert posts(index.search(MODEL, at(0), 10, where)) == expected


def test_a_filter_leaves_the_nearest_of_those_that_pass(index: VectorIndex) -> None:
    fill(index, [entry(number, feed="rare" if number % 5 == 0 else "sky") for number in range(1, 18)])
    assert posts(index.search(MODEL, at(0), 2, Filter(feed="rare"))) == [5, 10]


def test_limit(index: VectorIndex) -> None:
    fill(index, [entry(number) for number in range(1, 8)])
    assert posts(index.search(MODEL, at(0), 3, ANY)) == [1, 2, 3]


def test_models_never_mix(index: VectorIndex) -> None:
    fill(index, [entry(1)])
    index.ensure("model-b")
    index.upsert("model-b", [entry(2)], at(0)[None])
    assert posts(index.search(MODEL, at(0), 10, ANY)) == [1]
    assert posts(index.search("model-b", at(0), 10, ANY)) == [2]
    assert (index.count(MODEL), index.count("model-b"), index.count("model-c")) == (1, 1, 0)


def test_a_post_has_a_vector_for_each_model_and_a_deletion_takes_all(index: VectorIndex) -> None:
    fill(index, [entry(1), entry(2)])
    index.ensure("model-b")
    index.upsert("model-b", [entry(1)], at(90)[None])
    assert index.search(MODEL, at(0), 1, ANY)[0].similarity == pytest.approx(1, abs=1e-2)
    assert index.models() == [MODEL, "model-b"]
    index.delete([post(1)])
    assert (index.count(MODEL), index.count("model-b")) == (1, 0)
    assert index.models() == [MODEL]


def test_a_dropped_model_is_gone_and_can_come_back(index: VectorIndex) -> None:
    fill(index, [entry(1)])
    index.ensure("model-b")
    index.upsert("model-b", [entry(1), entry(2)], np.stack([at(0), at(10)]))
    index.drop("model-b")
    index.drop("model-b")
    assert index.models() == [MODEL]
    assert (index.count(MODEL), index.count("model-b")) == (1, 0)
    assert index.search("model-b", at(0), 1, ANY) == []
    index.upsert("model-b", [entry(3)], at(0)[None])
    assert posts(index.search("model-b", at(0), 9, ANY)) == [3]


def test_vectors_are_given_back(index: VectorIndex) -> None:
    fill(index, [entry(1), entry(2), entry(3)])
    found = index.vectors(MODEL, [post(3), post(99), post(1)])
    assert found.keys() == {post(1), post(3)}
    assert found[post(3)].dtype == np.float32
    np.testing.assert_allclose(found[post(3)], at(20), atol=1e-3)
    assert index.vectors(MODEL, []) == {}
    assert index.vectors("model-c", [post(1)]) == {}


def test_the_recent_come_newest_first_with_what_is_kept_beside_them(index: VectorIndex) -> None:
    kept = [
        entry(1, time=NOON - HOUR, languages=("pt-BR", "en"), author=LEAST, linked=True),
        entry(2, time=NOON),
        entry(3, time=NOON + HOUR),
    ]
    fill(index, kept)
    entries, vectors = index.recent(MODEL, NOON - HOUR, NOON + HOUR, 10)
    assert entries == [kept[1], kept[0]]
    np.testing.assert_allclose(vectors, np.stack([at(10), at(0)]), atol=1e-3)
    entries, vectors = index.recent(MODEL, NOON + HOUR, DUSK, 10)
    assert (entries, vectors.shape) == ([kept[2]], (1, DIMENSION))
    entries, vectors = index.recent(MODEL, DUSK, DUSK + HOUR, 10)
    assert (entries, vectors.shape, vectors.dtype) == ([], (0, DIMENSION), np.float32)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_the_recent_come_page_by_page_with_many_at_one_time(index: VectorIndex, size: int) -> None:
    fill(index, [entry(number, time=NOON + HOUR * (number // 3)) for number in range(1, 9)])
    pages: list[int] = []
    after = None
    while entries := index.recent(MODEL, DAWN, DUSK, size, after)[0]:
        assert len(entries) <= size
        pages += [found.post.int for found in entries]
        after = entries[-1].post
    assert pages == [8, 7, 6, 5, 4, 3, 2, 1]


def test_nothing_follows_a_post_that_is_not_there(index: VectorIndex) -> None:
    fill(index, [entry(1)])
    with pytest.raises(InputError, match="Begin again"):
        index.recent(MODEL, DAWN, DUSK, 9, post(99))


def test_ids_are_scanned_in_order(index: VectorIndex) -> None:
    ids = [UUID(int=number) for number in (2**127 + 1, 7, 2**64, 300, 2**128 - 1, 2**120)]
    fill(index, [Entry(one, "sky", NOON) for one in ids])
    scanned: list[UUID] = []
    while page := index.scan(MODEL, scanned[-1] if scanned else None, 4):
        scanned += page
    assert scanned == sorted(ids)
    assert index.scan("model-c", None, 4) == []


def test_an_empty_index_finds_nothing(index: VectorIndex) -> None:
    index.ensure(MODEL)
    index.ensure(MODEL)
    index.upsert(MODEL, [], np.zeros((0, DIMENSION), dtype=np.float32))
    assert index.search(MODEL, at(0), 10, ANY) == []
    assert index.count(MODEL) == 0


def test_another_dimension_is_refused_and_nothing_is_kept(index: VectorIndex) -> None:
    index.ensure(MODEL)
    with pytest.raises(InputError, match=r"\(1, 3\)"):
        index.upsert(MODEL, [entry(1)], np.ones((1, 3), dtype=np.float32))
    with pytest.raises(InputError, match=r"\(2, 384\)"):
        index.upsert(MODEL, [entry(1)], np.ones((2, DIMENSION), dtype=np.float32))
    with pytest.raises(InputError, match=r"\(3,\)"):
        index.search(MODEL, np.ones(3, dtype=np.float32), 1, ANY)
    assert index.count(MODEL) == 0


def test_hostile_filters_and_languages_are_only_text(index: VectorIndex) -> None:
    nasty = "'; DROP TABLE post_vector; --{},\"\\"
    fill(index, [entry(1, feed=nasty, languages=(nasty,)), entry(2)])
    assert posts(index.search(MODEL, at(0), 10, Filter(feed=nasty, language=nasty))) == [1]


@pytest.mark.parametrize(
    "call",
    [
        lambda index: index.upsert(MODEL, [entry(1)], at(0)[None]),
        lambda index: index.delete([post(1)]),
        lambda index: index.search(MODEL, at(0), 1, ANY),
        lambda index: index.count(MODEL),
        lambda index: index.vectors(MODEL, [post(1)]),
        lambda index: index.recent(MODEL, DAWN, DUSK, 1),
        lambda index: index.scan(MODEL, None, 1),
        lambda index: index.models(),
        lambda index: index.drop(MODEL),
    ],
    ids=["upsert", "delete", "search", "count", "vectors", "recent", "scan", "models", "drop"],
)
def test_an_absent_index_says_so(away: VectorIndex, call: Callable[[VectorIndex], object]) -> None:
    with pytest.raises(IndexUnavailable):
        call(away)
