"""multilingual-e5-small as an OpenVINO graph, from the packed weights.

A BERT encoder (Devlin et al., 2018) with post-layer normalisation, then the mean over the tokens and the
L2 norm, as the authors of E5 prescribe (Wang et al., 2024). Query, key and value are one product, and
attention is one operation, so that OpenVINO has little left to guess.

The word table keeps its 4 bits inside the graph: expanded it would be 192 MB of float16, and a batch reads
only a thousand rows of it. The encoder's matrices are stored as float16, which holds them exactly enough
and is what the faster CPUs convert from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset15 as op

from shared.embedding.weights import BLOCK, Floats, Sizes, Weights

Node = Any  # OpenVINO's nodes carry no types

#: Added to the attention of padding; large enough to vanish in the softmax, finite in bfloat16.
_MASKED = -10_000.0


def build_graph(weights: Weights) -> ov.Model:
    """Inputs ``ids`` and ``mask``, int32 (batch, length); output float32 (batch, width), unit rows."""
    sizes = weights.sizes
    ids = op.parameter([-1, -1], np.int32, name="ids")
    mask = op.parameter([-1, -1], np.int32, name="mask")
    kept = op.convert(mask, "f32")
    bias = op.multiply(op.subtract(_half(np.float32(1)), kept), _half(np.float32(_MASKED)))
    bias = op.unsqueeze(bias, _ints(1, 2))
    hidden = _embeddings(weights, ids)
    for layer in range(sizes.layers):
        hidden = _layer(weights, f"l{layer}.", hidden, bias)
    output = _pooled(hidden, kept)
    output.output(0).tensor.set_names({"vectors"})
    return ov.Model([output], [ids, mask], "multilingual-e5-small")


def _embeddings(weights: Weights, ids: Node) -> Node:
    sizes = weights.sizes
    words = op.gather(_word_table(weights, sizes), ids, _ints(0))
    # Every token is of type 0, so that type's row is added to each position once, here.
    places = weights.vector("emb.pos").reshape(sizes.positions, sizes.width)
    places = places + weights.vector("emb.type")[: sizes.width]
    length = op.gather(op.shape_of(ids, "i64"), _ints(1), _ints(0))
    used = op.slice(_half(places), _ints(0), length, _ints(1), _ints(0))
    return _normalised(weights, "emb.ln", op.add(words, used))


def _word_table(weights: Weights, sizes: Sizes) -> Node:
    """(vocabulary, width) of 4-bit codes with a scale for each block; OpenVINO expands the rows it reads."""
    codes, scales = weights.codes("emb.word", sizes.vocabulary, sizes.width)
    pairs = codes.reshape(-1, 2)
    packed = pairs[:, 0] | (pairs[:, 1] << 4)
    shape = ov.Shape([sizes.vocabulary, sizes.width // BLOCK, BLOCK])
    tensor = ov.Tensor(ov.Type.u4, shape)
    tensor.data[...] = packed.reshape(tensor.data.shape)
    table = op.constant(tensor, shared_memory=False)
    centred = op.subtract(op.convert(table, "f16"), op.convert(op.constant(np.array(8, np.uint8)), "f16"))
    scaled = op.multiply(centred, op.constant(scales[..., None]))
    flat = op.reshape(scaled, _ints(sizes.vocabulary, sizes.width), False)
    return op.convert(flat, "f32")


def _layer(weights: Weights, prefix: str, hidden: Node, bias: Node) -> Node:
    sizes = weights.sizes
    width = sizes.width
    attended = _linear(weights, prefix + "ao", _attention(weights, prefix, hidden, bias), width, width)
    hidden = _normalised(weights, prefix + "aln", op.add(attended, hidden))
    inner = op.gelu(_linear(weights, prefix + "fi", hidden, sizes.inner, width), "erf")
    outer = _linear(weights, prefix + "fo", inner, width, sizes.inner)
    return _normalised(weights, prefix + "oln", op.add(outer, hidden))


def _attention(weights: Weights, prefix: str, hidden: Node, bias: Node) -> Node:
    """Multi-head attention without its output product: (batch, length, width)."""
    sizes = weights.sizes
    width = sizes.width
    matrix = np.concatenate([weights.matrix(f"{prefix}{part}.w", width, width) for part in "qkv"])
    offset = np.concatenate([weights.vector(f"{prefix}{part}.b") for part in "qkv"])
    fused = op.add(op.matmul(hidden, _half(matrix), False, True), _half(offset))
    split = op.reshape(fused, _ints(0, 0, 3, sizes.heads, width // sizes.heads), True)
    parts = op.split(op.transpose(split, _ints(2, 0, 3, 1, 4)), op.constant(np.int64(0)), 3)
    query, key, value = (op.squeeze(parts.output(part), _ints(0)) for part in range(3))
    heads = op.scaled_dot_product_attention(query, key, value, bias)
    return op.reshape(op.transpose(heads, _ints(0, 2, 1, 3)), _ints(0, 0, width), True)


def _linear(weights: Weights, name: str, hidden: Node, rows: int, columns: int) -> Node:
    matrix = _half(weights.matrix(name + ".w", rows, columns))
    return op.add(op.matmul(hidden, matrix, False, True), _half(weights.vector(name + ".b")))


def _normalised(weights: Weights, name: str, hidden: Node) -> Node:
    unit = op.mvn(hidden, _ints(-1), True, weights.sizes.epsilon, "inside_sqrt")
    return op.add(op.multiply(unit, _half(weights.vector(name + ".w"))), _half(weights.vector(name + ".b")))


def _pooled(hidden: Node, kept: Node) -> Node:
    total = op.reduce_sum(op.multiply(hidden, op.unsqueeze(kept, _ints(2))), _ints(1), False)
    mean = op.divide(total, op.reduce_sum(kept, _ints(1), True))
    return op.normalize_l2(mean, _ints(1), 1e-12, "max")


def _half(values: Floats | np.float32) -> Node:
    """A constant kept as float16 and used as float32."""
    return op.convert(op.constant(np.asarray(values, dtype=np.float16)), "f32")


def _ints(*values: int) -> Node:
    return op.constant(np.array(values, dtype=np.int64))
