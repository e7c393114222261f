"""Posts with vectors as a multilingual model gives them: all in one narrow cone, each language to one side of it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid5
from zlib import crc32

import numpy as np

from services.api.clusters.model import MINUTE_US, Item
from shared.schemas.vector import DIMENSION, Vectors

UNTIL_US = 1_790_000_000_000_000
_SPACE = UUID(int=7)
_CONE = np.random.default_rng(1).normal(size=DIMENSION) * 4.0
_TONGUES = {
    name: np.random.default_rng(number).normal(size=DIMENSION) for number, name in enumerate(("en", "pt", "ja"))
}


class World:
    """Makes posts; the same seed makes the same ones."""

    def __init__(self, seed: int = 0) -> None:
        self._chance = np.random.default_rng(seed)
        self._made = 0
        self.items: list[Item] = []
        self._rows: list[np.ndarray] = []  # type: ignore[type-arg]
        self.planted: list[str] = []

    def add(
        self,
        about: str,
        count: int,
        *,
        minutes: tuple[float, float] = (0, 60),
        languages: Sequence[str] = ("en",),
        authors: int | None = None,
        texts: int | None = None,
        terms: Sequence[str] = (),
        closeness: float = 1.0,
        named: bool = True,
    ) -> World:
        """``count`` posts ``about`` something (empty: nothing in particular), ``minutes`` before the end of the window.

        By ``authors`` people in ``texts`` different texts; ``None`` is one each. Not ``named``, they share no word.
        """
        centre = np.random.default_rng(sum(map(ord, about)) * 7919 + len(about)).normal(size=DIMENSION)
        for number in range(count):
            language = languages[number % len(languages)]
            row = self._chance.normal(size=DIMENSION) + _CONE + _TONGUES[language]
            if about:
                row = row + closeness * centre
            time = UNTIL_US - int(self._chance.uniform(*minutes) * MINUTE_US)
            text = self._made if texts is None else crc32(f"{about} {number % texts}".encode())
            author = self._made if authors is None else crc32(f"{about} by {number % authors}".encode())
            self.items.append(
                Item(
                    uuid5(_SPACE, f"{self._made} {about}"),
                    time,
                    author * 0x9E37_79B9_7F4A_7C15 % (1 << 63),
                    text * 0x9E37_79B9_7F4A_7C15 % (1 << 63),
                    language,
                    tuple(terms) or ((about,) if about and named else (f"word{self._made}",)),
                )
            )
            self._rows.append(row)
            self.planted.append(about)
            self._made += 1
        return self

    @property
    def vectors(self) -> Vectors:
        rows = np.array(self._rows).reshape(-1, DIMENSION)
        found: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return found

    def between(self, start: float, end: float) -> tuple[list[Item], Vectors]:
        """Those from ``start`` to ``end`` minutes before UNTIL_US."""
        rows = [
            row
            for row, item in enumerate(self.items)
            if UNTIL_US - start * MINUTE_US < item.time_us <= UNTIL_US - end * MINUTE_US
        ]
        return [self.items[row] for row in rows], self.vectors[rows]
