"""The worker's care for the index, and the command that an operator has for it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from services.cli.main import main
from services.worker import metrics
from services.worker.vectors import VectorCare
from shared.config.settings import Settings
from shared.store import vector_models
from shared.store.database import Database
from shared.vectors import make
from shared.vectors.index import VectorIndex
from shared.vectors.pgvector import PgvectorIndex
from shared.vectors.qdrant import QdrantIndex, connect
from tests.support.qdrant_server import qdrant_server
from tests.support.vectors import Crowd

MODEL, CROWD = "model-a", Crowd(250)


def test_the_worker_indexes_drops_and_repairs(database: Database, postgres_url: str) -> None:
    def small(_settings: Settings, database: Database) -> VectorIndex:
        return PgvectorIndex(database, chunk_rows=100)

    settings = Settings(postgres_url=postgres_url)
    index = small(settings, database)
    for start in range(0, 250, 50):
        index.upsert(MODEL, CROWD.entries[start : start + 50], CROWD.vectors[start : start + 50])
    index.delete([entry.post for entry in CROWD.entries[:100]])
    database.execute(vector_models.ADOPT, {"model": MODEL})
    before = (metrics.VECTOR_INDEXES._value.get(), metrics.VECTORS_EXTRA._value.get())
    VectorCare(settings, database, small, "me", threading.Event())()
    after = (metrics.VECTOR_INDEXES._value.get(), metrics.VECTORS_EXTRA._value.get())
    assert after[0] > before[0]
    assert metrics.VECTORS.labels(MODEL)._value.get() == 150
    assert after[1] - before[1] == 150  # no post is in the record


@pytest.fixture
def environment(postgres_url: str, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("GROUNDSWELL_POSTGRES_URL", postgres_url)
    monkeypatch.setenv("GROUNDSWELL_VALKEY_URL", valkey_url)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_the_command_shows_and_repairs(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    make.open_index(Settings(), database).upsert(MODEL, CROWD.entries[:5], CROWD.vectors[:5])
    assert main(["vectors", "status"]) == 0
    assert "model-a: 5 vectors" in capsys.readouterr().out
    assert main(["vectors", "repair"]) == 0
    assert main(["vectors", "snapshot", "x"]) == 78
    assert "Only Qdrant has snapshots." in capsys.readouterr().err


def test_the_command_keeps_and_restores_snapshots(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with qdrant_server("5d0c9a77") as server:
        client = connect(server.url, "5d0c9a77")
        index = QdrantIndex(client)
        index.upsert(MODEL, CROWD.entries[:5], CROWD.vectors[:5])
        environment.setenv("GROUNDSWELL_VECTOR_BACKEND", "qdrant")
        environment.setenv("GROUNDSWELL_QDRANT_URL", server.url)
        environment.setenv("GROUNDSWELL_QDRANT_API_KEY", "5d0c9a77")
        assert main(["vectors", "snapshot", str(tmp_path)]) == 0
        index.drop(MODEL)
        assert main(["vectors", "restore", str(tmp_path / "posts_model-a.snapshot")]) == 0
        assert "groundswell vectors repair" in capsys.readouterr().out
        assert index.count(MODEL) == 5
        client.close()
