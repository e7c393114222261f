"""What every index checks of the vectors it is handed."""

from __future__ import annotations

from shared.errors import InputError
from shared.schemas.vector import DIMENSION, Vectors


def check_vectors(vectors: Vectors, count: int) -> None:
    """Raises InputError unless ``vectors`` is (count, DIMENSION)."""
    if vectors.shape != (count, DIMENSION):
        raise InputError(
            "Vectors of the wrong shape were refused.", why=f"They are {vectors.shape}, not {(count, DIMENSION)}."
        )


def check_vector(vector: Vectors) -> None:
    """Raises InputError unless ``vector`` is (DIMENSION,)."""
    if vector.shape != (DIMENSION,):
        raise InputError("A vector of the wrong shape was refused.", why=f"It is {vector.shape}, not {(DIMENSION,)}.")
