"""A 64-bit fingerprint of a text that near-duplicates share, or nearly share.

Simhash (Charikar, STOC 2002) over the words of the text, with digits, links, mentions, case,
punctuation, emoji and stretched letters folded away, so that the usual spam variations give the same
value and a changed word moves only a few bits: two texts whose values differ in at most about ten
bits share some nine tenths of their words, while unrelated texts differ in 32 +- 4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import add

from shared.features.addresses import ADDRESS, may_hold_address
from shared.features.plain import DENSE, MAX_ADDRESSES, MAX_WORD, plain_words
from shared.features.terms import compose

_PLAIN = rf"[{DENSE}]|[a-z]+|[^\W{DENSE}a-z]+"
_WORDS, _PLAIN_WORDS = re.compile(f"{ADDRESS}|{_PLAIN}"), re.compile(_PLAIN)
_DIGITS = re.compile(r"[\d_]+")
_STRETCHED, _IS_STRETCHED = re.compile(r"(\w)\1{2,}"), re.compile(r"(\w)\1\1")

#: Words looked at: enough for any post, and each lane below counts to 127 without carrying.
_MAX_WORDS = 96
_LANES = 64
_ONES = int.from_bytes(b"\x01" * _LANES, "big")
_TOPS = _ONES << 7
_ASCII_ZEROS = int.from_bytes(b"0" * _LANES, "big")
_BLAKE = blake2b(digest_size=_LANES // 8)
#: What is of use in the binary digits of a hash as ASCII, and in the 1 before them that counts the word.
_BITS = (1 << _LANES * 8) + _ONES
#: Above the lanes: words that count, and above those the places that words take.
_COUNTED, _PLACES = _LANES * 8, _LANES * 8 + 32


def fingerprint_of(text: str) -> int:
    """Signed 64-bit fingerprint (fits PostgreSQL ``bigint``); 0 for a text without any word."""
    lowered = compose(text).lower()
    return fingerprint_in(lowered, plain_words(lowered))


def fingerprint_in(lowered: str, words: Sequence[str] | None) -> int:
    """``fingerprint_of`` a text that was composed and lower-cased already, and its ``plain_words``."""
    if words and (words[0].isascii() or "a" <= words[0].lstrip("#")[0] <= "z"):
        lanes = sum(map(_of_token, words))
        if lanes >> _PLACES <= _MAX_WORDS - MAX_ADDRESSES:
            return _folded(lanes)
    return _folded(_of_words((_WORDS if may_hold_address(lowered) else _PLAIN_WORDS).findall(lowered)[:_MAX_WORDS]))


def _of_words(words: list[str]) -> int:
    """The lanes of all ``words``."""
    known = _remembered if max(map(len, words), default=0) <= MAX_WORD else _of_word
    lanes = sum(map(known, words))
    if len(words) > 1 and not words[0].isascii():
        # Single characters of a dense script say little: neighbours together do, and many come again.
        pairs = map(add, words[: _MAX_WORDS - len(words)], words[1:])
        lanes += sum(map(known if len(words[0]) == 1 else _of_word, pairs))
    return lanes


def _folded(lanes: int) -> int:
    """The fingerprint of words whose lanes are added up.

    Each of its 64 bits has an eight-bit lane of one large integer; adding the words' integers
    counts all bits at once, and the bias lifts a lane's top bit where more than half have it.
    """
    counted = lanes >> _COUNTED & 0xFFFF_FFFF
    if not counted:
        return 0
    lanes += _ONES * (127 - counted // 2)
    bits = ((lanes & _TOPS) >> 7) | _ASCII_ZEROS
    value = int(bits.to_bytes(_LANES, "big"), 2)
    return value - (1 << 64) if value >> 63 else value


def distance(first: int, second: int) -> int:
    """Bits in which two fingerprints differ, 0 to 64."""
    return ((first ^ second) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()


@lru_cache(maxsize=1 << 15)
def _of_token(token: str) -> int:
    """The lanes of all words in one of ``plain_words``, with the places they take."""
    if token.isascii() and token.isalpha():
        return _hashed(token) + (1 << _PLACES)
    words = _PLAIN_WORDS.findall(token)
    return sum(map(_of_word, words)) + (len(words) << _PLACES)


def _of_word(word: str) -> int:
    """The lanes of a word, or of two neighbours; 0 for what is folded away."""
    if word.isalpha():
        return _hashed(word)
    if word[0] == "@" or "/" in word or word.startswith("www."):
        return 0
    word = _DIGITS.sub("", word)
    return _hashed(word) if word else 0


_remembered = lru_cache(maxsize=1 << 15)(_of_word)


def _hashed(word: str) -> int:
    """64 bits of BLAKE2b over a word without stretched letters, each in a lane of its own, and a count of one."""
    if len(word) > 2 and _IS_STRETCHED.search(word):
        word = _STRETCHED.sub(r"\1", word)
    blake = _BLAKE.copy()  # quicker than to ask for 64 bits anew
    blake.update(word.encode("utf-8", "surrogatepass"))
    # The one stands before the digits of the hash, each of which is a byte.
    digits = bin(int.from_bytes(blake.digest(), "big") | 1 << _LANES).encode()
    return int.from_bytes(digits, "big") & _BITS
