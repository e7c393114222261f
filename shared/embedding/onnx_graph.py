"""A sentence encoder as an ONNX graph, for onnxruntime and what is built on it. The only home of ``onnx``.

The same arithmetic as ``graph.py``. Attention, the norms after a sum and the activation are
onnxruntime's own operations (domain com.microsoft), which both its CPU and its CUDA provider have as one
kernel each; written out in ONNX's operations they are two to three times as many steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from shared.embedding.weights import Floats, Weights, place_table

#: ONNX 1.12; every onnxruntime since 1.14 reads it.
_OPSET = 17
_OWN = "com.microsoft"


def write_onnx(weights: Weights, path: Path, *, half: bool) -> None:
    """Write the graph to ``path`` and its weights beside it. Raises OSError.

    Inputs ``input_ids`` and ``attention_mask``, int64 (batch, length); output ``vectors``, float32
    (batch, width), unit rows. ``half`` makes everything between them float16, for GPUs.
    """
    onnx.save_model(
        _Builder(weights, half=half).model(),
        str(path),
        save_as_external_data=True,
        location=path.name + ".data",
        size_threshold=1024,
    )


class _Builder:
    """Collects nodes and constants. Values are named by the number of the node that makes them."""

    def __init__(self, weights: Weights, *, half: bool) -> None:
        self._weights = weights
        self._type = np.float16 if half else np.float32
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def model(self) -> onnx.ModelProto:
        ids, mask = (
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask")
        )
        hidden = self._embeddings()
        short_mask = self._node("Cast", ["attention_mask"], to=TensorProto.INT32)
        for layer in range(self._weights.sizes.layers):
            hidden = self._layer(f"l{layer}.", hidden, short_mask)
        self._pooled(hidden)
        vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", self._weights.sizes.width])
        graph = helper.make_graph(self._nodes, "sentence-encoder", [ids, mask], [vectors], self._constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_OWN, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def _embeddings(self) -> str:
        sizes = self._weights.sizes
        # The largest table stays in half precision, and only the rows a batch reads are widened.
        table = self._weights.matrix("emb.word", sizes.vocabulary, sizes.width).astype(np.float16)
        words = self._node("Gather", [self._constant("emb.word", table), "input_ids"])
        if self._type is np.float32:
            words = self._node("Cast", [words], to=TensorProto.FLOAT)
        shape = self._node("Shape", ["input_ids"])
        length = self._node("Slice", [shape, self._ints("one", 1), self._ints("two", 2)])
        places = self._constant("emb.pos", place_table(self._weights).astype(self._type))
        placed = self._node("Slice", [places, self._ints("zero", 0), length, self._ints("axis", 0)])
        return self._node(
            "LayerNormalization",
            [self._node("Add", [words, placed]), self._vector(["emb.ln.w"]), self._vector(["emb.ln.b"])],
            axis=-1,
            epsilon=sizes.epsilon,
        )

    def _layer(self, prefix: str, hidden: str, mask: str) -> str:
        sizes = self._weights.sizes
        inputs = [prefix + part for part in "qkv"]
        attended = self._node(
            "Attention",
            [hidden, self._matrix(inputs, sizes.width, sizes.width), self._vector([f"{n}.b" for n in inputs]), mask],
            domain=_OWN,
            num_heads=sizes.heads,
        )
        attended = self._node("MatMul", [attended, self._matrix([prefix + "ao"], sizes.width, sizes.width)])
        hidden = self._added_and_normalised(prefix + "aln", attended, hidden, prefix + "ao")
        inner = self._node("MatMul", [hidden, self._matrix([prefix + "fi"], sizes.inner, sizes.width)])
        inner = self._node("BiasGelu", [inner, self._vector([prefix + "fi.b"])], domain=_OWN)
        outer = self._node("MatMul", [inner, self._matrix([prefix + "fo"], sizes.width, sizes.inner)])
        return self._added_and_normalised(prefix + "oln", outer, hidden, prefix + "fo")

    def _added_and_normalised(self, name: str, new: str, old: str, offset: str) -> str:
        weights = [self._vector([f"{name}.w"]), self._vector([f"{name}.b"]), self._vector([f"{offset}.b"])]
        return self._node(
            "SkipLayerNormalization", [new, old, *weights], domain=_OWN, epsilon=self._weights.sizes.epsilon
        )

    def _pooled(self, hidden: str) -> None:
        """The mean over the tokens, of length one; in float32, for a sum of many halves loses digits."""
        wide = self._node("Cast", [hidden], to=TensorProto.FLOAT)
        kept = self._node("Cast", ["attention_mask"], to=TensorProto.FLOAT)
        apart = self._node("Unsqueeze", [kept, self._ints("two", 2)])
        total = self._node("ReduceSum", [self._node("Mul", [wide, apart]), self._ints("one", 1)], keepdims=0)
        # The mean's divisor is the same for a whole row, and the norm takes it out again.
        norm = self._node("ReduceL2", [total], axes=[1], keepdims=1)
        least = self._constant("least", np.array(1e-12, dtype=np.float32))
        self._nodes.append(helper.make_node("Div", [total, self._node("Max", [norm, least])], ["vectors"]))

    def _node(self, kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        output = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def _matrix(self, names: list[str], rows: int, columns: int) -> str:
        """The matrices called ``names`` side by side, inputs by outputs."""
        parts = [self._weights.matrix(f"{name}.w", rows, columns).T for name in names]
        return self._constant("+".join(names) + ".w", np.concatenate(parts, axis=1).astype(self._type))

    def _vector(self, names: list[str]) -> str:
        joined = np.concatenate([self._weights.vector(name) for name in names])
        return self._constant("+".join(names), joined.astype(self._type))

    def _ints(self, name: str, *values: int) -> str:
        return self._constant(name, np.array(values, dtype=np.int64))

    def _constant(self, name: str, values: Floats | Any) -> str:
        if all(constant.name != name for constant in self._constants):
            self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
