"""Qdrant over the wire: what fails for a moment is asked again, what fails for good is said, keys stay secret."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from shared.errors import IndexUnavailable, InputError
from shared.schemas.vector import DIMENSION
from shared.vectors import qdrant
from shared.vectors.index import Filter, VectorIndex
from shared.vectors.qdrant import QdrantIndex, Storage, connect
from shared.vectors.qdrant_snapshots import Snapshots
from shared.vectors.rest import FIRST_SECONDS, Rest
from tests.support.qdrant_server import Fault, QdrantServer, qdrant_server
from tests.support.vectors import BEGIN, Crowd

MODEL, KEY = "model-a", "a-key-nobody-may-read"
CROWD = Crowd(30)


@pytest.fixture
def server() -> Iterator[QdrantServer]:
    with qdrant_server(KEY) as server:
        yield server


@pytest.fixture
def index(server: QdrantServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[QdrantIndex]:
    """With 30 vectors, and short pauses."""
    monkeypatch.setattr(qdrant, "PAUSES_SECONDS", (0.01, 0.02, 0.04))
    monkeypatch.setattr(qdrant, "TIMEOUT_SECONDS", 1)
    client = connect(server.url, KEY)
    index = QdrantIndex(client)
    index.upsert(MODEL, CROWD.entries, CROWD.vectors)
    server.calls.clear()
    yield index
    client.close()


CALLS: dict[str, Callable[[VectorIndex], object]] = {
    "upsert": lambda index: index.upsert(MODEL, CROWD.entries[:5], CROWD.vectors[:5]),
    "delete": lambda index: index.delete([CROWD.entries[0].post]),
    "search": lambda index: index.search(MODEL, CROWD.vectors[3], 3, Filter(language="en")),
    "count": lambda index: index.count(MODEL),
    "vectors": lambda index: index.vectors(MODEL, [CROWD.entries[3].post]).keys(),
    "recent": lambda index: index.recent(MODEL, BEGIN, CROWD.entries[9].time, 4)[0],
    "scan": lambda index: index.scan(MODEL, None, 10),
    "models": lambda index: index.models(),
    "drop": lambda index: index.drop(MODEL),
}


@pytest.mark.parametrize(
    ("name", "fault"),
    [(name, fault) for name in CALLS for fault in (500, "reset")]
    + [(name, fault) for name in ("upsert", "delete", "search") for fault in (503, 429, "silent", "late")],
)
def test_what_fails_for_a_moment_is_asked_again(
    index: QdrantIndex, server: QdrantServer, name: str, fault: Fault
) -> None:
    reads = name not in ("upsert", "delete", "drop")
    wanted = CALLS[name](index) if reads else None
    server.faults.append(fault)
    found = CALLS[name](index)
    assert not server.faults
    assert found == wanted
    # and nothing was done twice
    left = {"delete": 29, "drop": 0}.get(name, 30)
    assert index.count(MODEL) == left


@pytest.mark.parametrize("fault", [500, "reset"])
@pytest.mark.parametrize("name", CALLS)
def test_what_goes_on_failing_is_said_in_time(
    index: QdrantIndex, server: QdrantServer, name: str, fault: Fault
) -> None:
    server.faults.extend([fault] * 50)
    with pytest.raises(IndexUnavailable):
        CALLS[name](index)
    tried = 50 - len(server.faults)
    assert (
        tried == (4 if name in ("upsert", "delete", "vectors", "drop", "models", "recent", "scan") else 2) or tried == 2
    )
    server.faults.clear()
    CALLS[name](index)


def test_a_server_that_never_answers_costs_a_bounded_time(
    index: QdrantIndex, server: QdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.qdrant_server.SILENT_SECONDS", 3.0)
    server.faults.extend(["silent"] * 20)
    began = time.monotonic()
    with pytest.raises(IndexUnavailable):
        index.search(MODEL, CROWD.vectors[0], 3, Filter())
    assert time.monotonic() - began < 2.5 * qdrant.TIMEOUT_SECONDS + 0.5
    assert len(server.faults) == 18


def test_after_silence_nobody_waits_again_until_it_answers(
    index: QdrantIndex, server: QdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a server that hangs, each search would wait anew; later it answers, and is asked."""
    monkeypatch.setattr(index, "_rest", Rest(qdrant.TIMEOUT_SECONDS, lambda: time.monotonic() + ahead))
    ahead = 0.0
    server.faults.extend(["silent"] * 20)
    for _ in range(3):
        with pytest.raises(IndexUnavailable):
            index.search(MODEL, CROWD.vectors[0], 3, Filter())
    assert len(server.faults) == 18, "only the first search asked"
    ahead = FIRST_SECONDS + 1
    for _ in range(3):
        with pytest.raises(IndexUnavailable):
            index.search(MODEL, CROWD.vectors[0], 3, Filter())
    assert len(server.faults) == 17, "one try after the pause, not repeated"
    server.faults.clear()
    ahead = 4 * FIRST_SECONDS
    assert len(index.search(MODEL, CROWD.vectors[0], 3, Filter())) == 3


def test_what_is_refused_is_not_asked_again(index: QdrantIndex, server: QdrantServer) -> None:
    server.faults.append(400)
    with pytest.raises(IndexUnavailable):
        index.count(MODEL)
    assert server.calls == []


def test_a_wrong_key_is_said_and_no_key_is_ever_shown(
    server: QdrantServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "another-secret"
    client = connect(server.url, wrong)
    with caplog.at_level(0), pytest.raises(IndexUnavailable, match="GROUNDSWELL_QDRANT_API_KEY") as told:
        QdrantIndex(client).upsert(MODEL, CROWD.entries, CROWD.vectors)
    client.close()
    assert server.calls == []
    with caplog.at_level(0):
        right = connect(server.url, KEY)
        QdrantIndex(right).upsert(MODEL, CROWD.entries, CROWD.vectors)
        server.faults.append(500)
        QdrantIndex(right).count(MODEL)
        right.close()
    said = caplog.text + "".join(capsys.readouterr()) + str(told.value) + repr(told.value.__cause__)
    assert wrong not in said
    assert KEY not in said


def test_payload_is_indexed_and_vectors_are_halves(index: QdrantIndex, server: QdrantServer) -> None:
    assert server.payload["posts_model-a"] == {
        **{"feed": "keyword", "spoken": "keyword", "author": "integer", "linked": "bool", "time": "integer"},
    }
    assert server.settings["posts_model-a"]["vectors"]["datatype"] == "float16"
    assert not server.settings["posts_model-a"]["vectors"]["on_disk"]


def test_where_few_pass_the_server_is_told_to_compare_all(
    index: QdrantIndex, server: QdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def params(where: Filter) -> dict[str, object]:
        index.search(MODEL, CROWD.vectors[0], 3, where)
        return next(body for _method, path, body in reversed(server.calls) if path.endswith("query"))["params"]

    assert params(Filter(language="en"))["exact"] is True
    assert params(Filter(posts={CROWD.entries[0].post: CROWD.entries[0].time}))["exact"] is True
    assert params(Filter())["exact"] is False
    monkeypatch.setattr(qdrant, "EXACT_POINTS", 2)
    assert params(Filter(language="en"))["exact"] is False


def test_compact_storage_is_asked_for_and_whole_vectors_rank_the_best(server: QdrantServer) -> None:
    client = connect(server.url, KEY)
    index = QdrantIndex(client, Storage(compact=True))
    index.upsert(MODEL, CROWD.entries, CROWD.vectors)
    made = server.settings["posts_model-a"]
    assert made["vectors"]["on_disk"] is True
    assert made["quantization_config"]["scalar"]["type"] == "int8"
    index.search(MODEL, CROWD.vectors[0], 3, Filter())
    params = server.calls[-1][2]["params"]
    assert params["quantization"] == {"rescore": True, "oversampling": 3.0}
    client.close()


@pytest.mark.parametrize("compact", [True, False])
def test_another_storage_is_brought_to_what_is_there(server: QdrantServer, compact: bool) -> None:
    client = connect(server.url, KEY)
    QdrantIndex(client, Storage(compact=not compact)).upsert(MODEL, CROWD.entries, CROWD.vectors)
    QdrantIndex(client, Storage(compact=compact)).ensure(MODEL)
    changed = [body for method, path, body in server.calls if method == "PATCH"]
    assert [body["vectors"][""]["on_disk"] for body in changed] == [compact]
    QdrantIndex(client, Storage(compact=compact)).ensure(MODEL)
    assert len([method for method, _path, _body in server.calls if method == "PATCH"]) == 1
    client.close()


def test_a_collection_from_before_gets_the_indexes_it_lacks(index: QdrantIndex, server: QdrantServer) -> None:
    del server.payload["posts_model-a"]["author"]
    client = connect(server.url, KEY)
    QdrantIndex(client).ensure(MODEL)
    assert server.payload["posts_model-a"]["author"] == "integer"
    client.close()


def test_reading_makes_no_collection(index: QdrantIndex, server: QdrantServer) -> None:
    assert index.search("model-z", CROWD.vectors[0], 3, Filter()) == []
    assert index.count("model-z") == 0
    assert server.settings.keys() == {"posts_model-a"}


def test_a_collection_that_another_process_dropped_is_made_again(index: QdrantIndex, server: QdrantServer) -> None:
    other = connect(server.url, KEY)
    QdrantIndex(other).drop(MODEL)
    other.close()
    assert index.count(MODEL) == 0
    index.upsert(MODEL, CROWD.entries[:2], CROWD.vectors[:2])
    assert index.count(MODEL) == 2


def test_a_snapshot_brings_everything_back(index: QdrantIndex, server: QdrantServer, tmp_path: Path) -> None:
    snapshots = Snapshots(server.url, KEY)
    path = snapshots.save(MODEL, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["posts_model-a.snapshot"]
    assert server.snapshots == []
    before = [match.post for match in index.search(MODEL, CROWD.vectors[3], 5, Filter(language="en"))]
    index.drop(MODEL)
    index.upsert(MODEL, CROWD.entries[:1], np.ones((1, DIMENSION), np.float32))
    assert snapshots.restore(path) == MODEL
    assert index.count(MODEL) == 30
    assert [match.post for match in index.search(MODEL, CROWD.vectors[3], 5, Filter(language="en"))] == before
    snapshots.close()


def test_a_snapshot_that_breaks_off_leaves_no_file(index: QdrantIndex, server: QdrantServer, tmp_path: Path) -> None:
    snapshots = Snapshots(server.url, KEY)
    (tmp_path / "posts_model-a.snapshot").write_text("the one from yesterday")
    server.faults.extend([500])
    with pytest.raises(IndexUnavailable):
        snapshots.save(MODEL, tmp_path)
    with pytest.raises(InputError, match="no vectors of model-z"):
        snapshots.save("model-z", tmp_path)
    assert (tmp_path / "posts_model-a.snapshot").read_text() == "the one from yesterday"
    assert len(list(tmp_path.iterdir())) == 1
    snapshots.close()


def test_a_file_that_is_no_snapshot_is_refused(index: QdrantIndex, server: QdrantServer, tmp_path: Path) -> None:
    snapshots = Snapshots(server.url, KEY)
    with pytest.raises(InputError):
        snapshots.restore(tmp_path / "posts_model-a.snapshot")
    bad = tmp_path / "posts_model-a.snapshot"
    bad.write_text("nonsense")
    with pytest.raises(IndexUnavailable):
        snapshots.restore(bad)
    assert index.count(MODEL) == 30
    snapshots.close()
