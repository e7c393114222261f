"""The shape of vectors, wherever they go."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: float32; of shape (n, DIMENSION), or (DIMENSION,) where one is meant.
Vectors = npt.NDArray[np.float32]

#: Length of every vector we store; models of another length are refused.
DIMENSION = 384
