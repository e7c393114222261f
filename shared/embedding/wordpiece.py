"""Words to ids of a BERT vocabulary: lower case, no accents, then the longest known pieces from the left.

Source: BERT's tokenizer (Devlin et al., 2018) and WordPiece (Schuster and Nakajima, 2012). Written here for
the reason given in ``tokenizer.py``; a test holds the ids equal to the general library's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

from shared.embedding.tokenizer import MOST_CHARACTERS

#: Words to remember; longer ones are unknown, as in training.
_REMEMBERED_WORDS = 16_384
_LONGEST_WORD = 100
#: Chinese characters, each a word of its own. Not kana or hangul, as in training.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPieceTokenizer:
    """Tokenizer over ``ids`` (piece to id). Not thread-safe."""

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._ids = dict(ids)
        self.begin, self.end, self.pad = self._ids["[CLS]"], self._ids["[SEP]"], self._ids["[PAD]"]
        self._unknown = self._ids["[UNK]"]
        self._remembered = lru_cache(_REMEMBERED_WORDS)(self._pieces)

    def encode(self, text: str, most: int) -> list[int]:
        """The first ``most`` ids of ``text``, without the begin and end symbols."""
        ids: list[int] = []
        for word in _words(self.normalise(text)):
            ids += self._remembered(word)
            if len(ids) >= most:
                break
        return ids[:most]

    def normalise(self, text: str) -> str:
        """Lower case without accents and control characters; ideographs stand apart."""
        text = text[:MOST_CHARACTERS].encode("utf-8", "replace").decode()  # half a surrogate pair is no character
        apart = "".join(_apart(character) for character in text)
        bare = (c for c in unicodedata.normalize("NFD", apart) if unicodedata.category(c) != "Mn")
        return "".join(bare).lower()

    def _pieces(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return (self._unknown,)
        ids: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self._ids.get(mark + word[start:end])
                if piece is not None:
                    ids.append(piece)
                    start = end
                    break
            else:
                return (self._unknown,)
        return tuple(ids)


def _apart(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if character in "\x00\ufffd" or unicodedata.category(character).startswith("C"):
        return ""
    point = ord(character)
    if any(low <= point <= high for low, high in _IDEOGRAPHS):
        return f" {character} "
    return character


def _words(text: str) -> Iterator[str]:
    """Runs between spaces, with every mark of punctuation a word of its own."""
    for run in text.split():
        start = 0
        for place, character in enumerate(run):
            if _is_punctuation(character):
                if start < place:
                    yield run[start:place]
                yield character
                start = place + 1
        if start < len(run):
            yield run[start:]


def _is_punctuation(character: str) -> bool:
    """ASCII's symbols count too, as in training."""
    if character.isascii():
        return not character.isalnum() and character.isprintable() and character != " "
    return unicodedata.category(character).startswith("P")
