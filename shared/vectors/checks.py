"""What every index checks of the vectors it is handed."""

from __future__ import annotations

from uuid import UUID

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


def unknown_place(post: UUID) -> InputError:
    """To raise when what should follow ``post`` is asked for, and the index does not hold it."""
    return InputError(
        "The vectors after a post were asked for, and it has none.",
        why=f"{post} left the index meanwhile, or never was there.",
        do="Begin again from the newest.",
    )
