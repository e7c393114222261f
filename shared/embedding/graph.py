"""A sentence encoder as an OpenVINO graph.

A BERT encoder (Devlin et al., 2018) with post-layer normalisation, then the mean over the tokens and the
L2 norm, as the authors of E5 (Wang et al., 2024) and of MiniLM's sentence form prescribe. Query, key and
value are one product, and attention is one operation, so that OpenVINO has little left to guess.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shared.embedding.constants import Constants, half, ints
from shared.embedding.runtime import op, ov
from shared.embedding.weights import Weights

Node = Any  # OpenVINO's nodes carry no types

#: Added to the attention of padding; large enough to vanish in the softmax, finite in bfloat16.
_MASKED = -10_000.0


def build_graph(weights: Weights, *, compact: bool) -> ov.Model:
    """Inputs ``ids`` and ``mask``, int32 (batch, length); output float32 (batch, width), unit rows.

    ``compact`` keeps the encoder's matrices in 4 bits, see ``constants.py``.
    """
    constants = Constants(weights, compact=compact)
    ids = op.parameter([-1, -1], np.int32, name="ids")
    mask = op.parameter([-1, -1], np.int32, name="mask")
    kept = op.convert(mask, "f32")
    bias = op.multiply(op.subtract(half(np.float32(1)), kept), half(np.float32(_MASKED)))
    bias = op.unsqueeze(bias, ints(1, 2))
    hidden = _embeddings(constants, ids)
    for layer in range(weights.sizes.layers):
        hidden = _layer(constants, f"l{layer}.", hidden, bias)
    output = _pooled(hidden, kept)
    output.output(0).tensor.set_names({"vectors"})
    return ov.Model([output], [ids, mask], "sentence-encoder")


def _embeddings(constants: Constants, ids: Node) -> Node:
    words = op.gather(constants.word_table(), ids, ints(0))
    length = op.gather(op.shape_of(ids, "i64"), ints(1), ints(0))
    places = op.slice(constants.place_table(), ints(0), length, ints(1), ints(0))
    return _normalised(constants, "emb.ln", op.add(words, places))


def _layer(constants: Constants, prefix: str, hidden: Node, bias: Node) -> Node:
    sizes = constants.sizes
    attended = _attention(constants, prefix, hidden, bias)
    attended = _linear(constants, [prefix + "ao"], attended, sizes.width, sizes.width)
    hidden = _normalised(constants, prefix + "aln", op.add(attended, hidden))
    inner = op.gelu(_linear(constants, [prefix + "fi"], hidden, sizes.inner, sizes.width), "erf")
    outer = _linear(constants, [prefix + "fo"], inner, sizes.width, sizes.inner)
    return _normalised(constants, prefix + "oln", op.add(outer, hidden))


def _attention(constants: Constants, prefix: str, hidden: Node, bias: Node) -> Node:
    """Multi-head attention without its output product: (batch, length, width)."""
    width, heads = constants.sizes.width, constants.sizes.heads
    fused = _linear(constants, [prefix + part for part in "qkv"], hidden, width, width)
    apart = op.reshape(fused, ints(0, 0, 3, heads, width // heads), True)
    parts = op.split(op.transpose(apart, ints(2, 0, 3, 1, 4)), op.constant(np.int64(0)), 3)
    query, key, value = (op.squeeze(parts.output(part), ints(0)) for part in range(3))
    mixed = op.scaled_dot_product_attention(query, key, value, bias)
    return op.reshape(op.transpose(mixed, ints(0, 2, 1, 3)), ints(0, 0, width), True)


def _linear(constants: Constants, names: list[str], hidden: Node, rows: int, columns: int) -> Node:
    """The linear maps called ``names``, each (rows, columns), as one product with their outputs side by side."""
    matrix = constants.matrix([name + ".w" for name in names], rows, columns)
    offset = constants.vector([name + ".b" for name in names])
    return op.add(op.matmul(hidden, matrix, False, True), offset)


def _normalised(constants: Constants, name: str, hidden: Node) -> Node:
    unit = op.mvn(hidden, ints(-1), True, constants.sizes.epsilon, "inside_sqrt")
    return op.add(op.multiply(unit, constants.vector([name + ".w"])), constants.vector([name + ".b"]))


def _pooled(hidden: Node, kept: Node) -> Node:
    total = op.reduce_sum(op.multiply(hidden, op.unsqueeze(kept, ints(2))), ints(1), False)
    mean = op.divide(total, op.reduce_sum(kept, ints(1), True))
    return op.normalize_l2(mean, ints(1), 1e-12, "max")
