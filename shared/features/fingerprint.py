"""A 64-bit fingerprint of a text that near-duplicates share, or nearly share.

Simhash (Charikar, STOC 2002) over the words of the text, with digits, links, mentions, case,
punctuation, emoji and stretched letters folded away, so that the usual spam variations give the same
value and a changed word moves only a few bits: two texts whose values differ in at most about ten
bits share some nine tenths of their words, while unrelated texts differ in 32 +- 4.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from operator import add

from shared.features.addresses import ADDRESS, may_hold_address
from shared.features.terms import compose

_PLAIN = (
    r"[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0eff]"
    r"|[a-z]+|[^\W\u3041-\u30ff\u3400-\u9fff\u0e00-\u0effa-z]+"
)
_WORDS, _PLAIN_WORDS = re.compile(f"{ADDRESS}|{_PLAIN}"), re.compile(_PLAIN)
#: ASCII with only its small letters left: spaces instead, of another kind where a digit or ``_`` stood.
_SPACED = "".join(
    chr(c) if chr(c).islower() else "\x1f" if chr(c).isdigit() or chr(c) == "_" else " " for c in range(128)
)
_DIGITS = re.compile(r"[\d_]+")
_STRETCHED = re.compile(r"(\w)\1{2,}")

#: Words looked at: enough for any post, and each lane below counts to 127 without carrying.
_MAX_WORDS = 96
_LANES = 64
_ONES = int.from_bytes(b"\x01" * _LANES, "big")
_TOPS = _ONES << 7
_ASCII_ZEROS = int.from_bytes(b"0" * _LANES, "big")


def fingerprint_of(text: str) -> int:
    """Signed 64-bit fingerprint (fits PostgreSQL ``bigint``); 0 for a text without any word."""
    return fingerprint_in(compose(text).lower())


def fingerprint_in(lowered: str) -> int:
    """``fingerprint_of`` a text that was composed and lower-cased already."""
    words = _words(lowered)[:_MAX_WORDS]
    if len(words) > 1 and not words[0].isascii():
        # Single characters of a dense script say little: neighbours together do.
        words = [*words, *map(add, words, words[1:])][:_MAX_WORDS]
    # Each of the 64 bits has an eight-bit lane of one large integer; adding the words' integers
    # counts all bits at once, and the bias lifts a lane's top bit where more than half have it.
    # The lane above them counts the words themselves.
    lanes = sum(map(_spread, words))
    counted = lanes >> _LANES * 8
    if not counted:
        return 0
    lanes += _ONES * (127 - counted // 2)
    bits = ((lanes & _TOPS) >> 7) | _ASCII_ZEROS
    value = int(bits.to_bytes(_LANES, "big"), 2)
    return value - (1 << 64) if value >> 63 else value


def _words(lowered: str) -> list[str]:
    if may_hold_address(lowered):
        return _WORDS.findall(lowered)
    if lowered.isascii():
        spaced = lowered.translate(_SPACED)
        words = spaced.split()
        # Numbers give nothing but take places: short of the last place it does not matter.
        if len(words) + spaced.count("\x1f") <= _MAX_WORDS:
            return words
    return _PLAIN_WORDS.findall(lowered)


def distance(first: int, second: int) -> int:
    """Bits in which two fingerprints differ, 0 to 64."""
    return ((first ^ second) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()


@lru_cache(maxsize=1 << 15)
def _spread(word: str) -> int:
    """A folded word's 64-bit hash with each bit in a lane of its own; 0 for what is folded away."""
    if word[0] == "@" or "/" in word or word.startswith("www."):
        return 0
    folded = _STRETCHED.sub(r"\1", _DIGITS.sub("", word))
    if not folded:
        return 0
    bits = int.from_bytes(blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return (1 << _LANES * 8) + (int.from_bytes(f"{bits:064b}".encode(), "big") & _ONES)
