"""What can run a model, by the names in the settings. Each form is loaded only when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from shared.embedding.embedder import Kind
from shared.embedding.models import Model, Opened
from shared.errors import EmbedderAbsent
from shared.schemas.vector import Vectors


class Running(Protocol):
    """A model in one runtime."""

    def embed(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """As ``Embedder.embed``."""
        ...


class Wanted(msgspec.Struct, frozen=True):
    """What to load. ``compact`` is for who embeds one text at a time: less memory, the same vectors."""

    model: Model
    cache_dir: Path
    threads: int
    compact: bool = False


class Loaded(msgspec.Struct, frozen=True):
    """``precision`` as the runtime says it."""

    running: Running
    precision: str


class Runtime(msgspec.Struct, frozen=True):
    """``load`` raises EmbedderAbsent for what is not here, and whatever a library raises."""

    name: str
    load: Callable[[Wanted, Callable[[], Opened]], Loaded]


# Imported when wanted: without these libraries the platform still runs.
def _openvino(wanted: Wanted, read: Callable[[], Opened]) -> Loaded:
    try:
        from shared.embedding.openvino_session import OpenVinoSession
    except ImportError as error:
        raise EmbedderAbsent("OpenVINO cannot be loaded.", why=str(error)) from error
    from shared.embedding.local import LocalEmbedder

    opened = read()
    session = OpenVinoSession(
        *(wanted.model, opened.weights, wanted.cache_dir), threads=wanted.threads, compact=wanted.compact
    )
    return Loaded(LocalEmbedder(wanted.model, opened.tokenizer, session), session.precision)


def _cuda(wanted: Wanted, read: Callable[[], Opened]) -> Loaded:
    from shared.embedding.onnx_session import check_cuda

    check_cuda()
    return _onnxruntime(wanted, read, cuda=True)


def _onnxruntime(wanted: Wanted, read: Callable[[], Opened], *, cuda: bool = False) -> Loaded:
    from shared.embedding.local import LocalEmbedder
    from shared.embedding.onnx_session import OnnxSession

    opened = read()
    session = OnnxSession(*(wanted.model, opened.weights, wanted.cache_dir), threads=wanted.threads, cuda=cuda)
    return Loaded(LocalEmbedder(wanted.model, opened.tokenizer, session), session.precision)


def _fastembed(wanted: Wanted, read: Callable[[], Opened]) -> Loaded:
    from shared.embedding.fastembed_embedder import FastembedEmbedder

    return Loaded(FastembedEmbedder(wanted.model, read(), wanted.cache_dir, threads=wanted.threads), "f32")


#: In the order of the default chain.
RUNTIMES = (
    Runtime("cuda", _cuda),
    Runtime("openvino", _openvino),
    Runtime("onnxruntime", _onnxruntime),
    Runtime("fastembed", _fastembed),
)
