"""Counter-based randomness: each number is a hash of where it is used, never of what came before.

So any second of the stream can be made on its own, in any order, by any process. The mixing
function is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def lane(seed: int, name: str) -> int:
    """Return the 64-bit key of one named use of chance under ``seed``."""
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def key(*parts: int) -> int:
    """Mix integers into one 64-bit key; the order of the parts matters."""
    state = 0
    for part in parts:
        state = ((state ^ part) + _GOLDEN) & _MASK
        state = ((state ^ (state >> 30)) * _FIRST) & _MASK
        state = ((state ^ (state >> 27)) * _SECOND) & _MASK
        state ^= state >> 31
    return state


def uniform(*parts: int) -> float:
    """One number in [0, 1) for this place."""
    return (key(*parts) >> 11) * 2.0**-53


def uniforms(start: int, count: int) -> Floats:
    """``count`` numbers in [0, 1) that belong to the key ``start``."""
    state = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(start)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(_FIRST)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(_SECOND)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(start: int, count: int) -> list[int]:
    """The numbers 0 to ``count - 1`` in the order that belongs to the key ``start``."""
    order: list[int] = np.argsort(uniforms(start, count), kind="stable").tolist()
    return order
