"""Texts that differ only in what carries no meaning of their own share one vector.

People repost, quote and copy: the same sentence comes with other capitals, spaces, mentions and links. Such
texts get the vector of the first of them. A text that is hardly more than its links or mentions shares
nothing, for then those are what it is about; numbers and hashtags always count.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared.embedding.embedder import Embedder
from shared.errors import TextsRefused
from shared.schemas.vector import DIMENSION, Vectors

#: Vectors remembered, in half precision: about 7 MB.
MOST_REMEMBERED = 8_192
#: Letters that must be left of a text without its links and mentions.
LEAST_LETTERS = 24

_LINK = re.compile(r"https?://\S+|www\.\S+")
_MENTION = re.compile(r"(?<!\w)@[\w.-]+")


def key_of(text: str) -> bytes:
    """Equal for texts that may share a vector; of the text itself where nothing may be left out."""
    plain = " ".join(_MENTION.sub(" ", _LINK.sub(" ", text)).casefold().split())
    if sum(map(str.isalpha, plain)) < LEAST_LETTERS:
        plain = "\0" + text
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class SharingEmbedder:
    """Passages of one model, near-duplicates computed once. Used by one thread."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._kept: OrderedDict[bytes, npt.NDArray[np.float16]] = OrderedDict()
        #: Texts that took the vector of another.
        self.shared = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        """As ``Embedder.embed``."""
        keys = [key_of(text) for text in texts]
        first = {key: place for place, key in reversed(list(enumerate(keys))) if key not in self._kept}
        places = sorted(first.values())
        try:
            made = self.embedder.embed([texts[place] for place in places], "passage") if places else ()
        except TextsRefused as error:
            bad = {keys[places[place]] for place in error.places}
            raise TextsRefused([place for place, key in enumerate(keys) if key in bad], error.why) from error
        new = {keys[place]: vector for place, vector in zip(places, made, strict=True)}
        vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        for place, key in enumerate(keys):
            vectors[place] = new[key] if key in new else self._kept[key]
        self.shared += len(texts) - len(places)
        self._remember(keys, new)
        return vectors

    def _remember(self, keys: Sequence[bytes], new: dict[bytes, Vectors]) -> None:
        for key in keys:
            if key in new:
                self._kept[key] = new[key].astype(np.float16)
            self._kept.move_to_end(key)
        while len(self._kept) > MOST_REMEMBERED:
            self._kept.popitem(last=False)
