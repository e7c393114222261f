"""Words to ids of the model's vocabulary: the unigram language model of SentencePiece.

Each word is cut into the pieces whose log-probabilities add up highest, found by dynamic programming
(Viterbi, 1967; Kudo, 2018). Written here because the general library keeps the vocabulary in a tree of
280 MB a process, while a dictionary needs 45 MB and is still fifty times faster than the model.
"""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache

from shared.embedding.e5_file import Vocabulary

#: Longer texts are cut before anything else looks at them; no post of any network fills it.
MOST_CHARACTERS = 4_000
#: Words to remember, and the length up to which they are: both bound the memory.
_REMEMBERED_WORDS = 16_384
_REMEMBERED_LENGTH = 24
#: An unknown character costs this much more than the rarest piece, as SentencePiece has it.
_UNKNOWN_PENALTY = 10.0
_SPACE = "▁"


class Tokenizer:
    """Unigram tokenizer over ``vocabulary``. Not thread-safe."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.begin, self.end, self.pad = vocabulary.begin, vocabulary.end, vocabulary.pad
        self._unknown = vocabulary.unknown
        self._rules = vocabulary.rules | {0: ""}
        self._scores = vocabulary.scores
        # Pieces of score zero are control symbols such as </s>; a post that spells one stays text.
        self._ids = {piece: index for index, piece in enumerate(vocabulary.pieces) if vocabulary.scores[index] < 0}
        self._longest = max(map(len, self._ids))
        self._unknown_score = min(vocabulary.scores) - _UNKNOWN_PENALTY
        self._remembered = lru_cache(_REMEMBERED_WORDS)(self._segment)

    def encode(self, text: str, most: int) -> list[int]:
        """The first ``most`` ids of ``text``, without the begin and end symbols."""
        ids: list[int] = []
        for word in self.normalise(text).split():
            marked = _SPACE + word
            ids += self._remembered(marked) if len(marked) <= _REMEMBERED_LENGTH else self._segment(marked)
            if len(ids) >= most:
                break
        return ids[:most]

    def normalise(self, text: str) -> str:
        """Composed characters, then the model's own rules (NFKC with a few exceptions)."""
        return unicodedata.normalize("NFC", text[:MOST_CHARACTERS]).translate(self._rules)

    def _segment(self, word: str) -> tuple[int, ...]:
        length = len(word)
        best = [0.0] + [-math.inf] * length
        back = [(0, self._unknown)] * (length + 1)
        for start in range(length):
            base = best[start]
            for stop in range(start + 1, min(start + self._longest, length) + 1):
                piece = self._ids.get(word[start:stop])
                if piece is not None and base + self._scores[piece] > best[stop]:
                    best[stop], back[stop] = base + self._scores[piece], (start, piece)
            if base + self._unknown_score > best[start + 1]:
                best[start + 1], back[start + 1] = base + self._unknown_score, (start, self._unknown)
        return self._trace(back)

    def _trace(self, back: list[tuple[int, int]]) -> tuple[int, ...]:
        """The pieces from the last backwards; neighbouring unknowns count as one, as in training."""
        ids: list[int] = []
        position = len(back) - 1
        while position > 0:
            position, piece = back[position]
            if not (piece == self._unknown and ids and ids[-1] == piece):
                ids.append(piece)
        return tuple(reversed(ids))
