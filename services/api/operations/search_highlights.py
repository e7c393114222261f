"""Where a text holds what was searched for: ranges of its code points, never markup. Case and accents do not count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec

from shared.features.plain import MARKS
from shared.features.query import Query, Term
from shared.features.scripts import PAIRED

#: Marks of one text at most.
MOST_MARKS = 50

# A letter or digit of a script that parts words: what a word must not go on with. Compiled here once, as it takes
# longer than looking through all hits of a search.
_LETTER = re.compile(rf"(?![{PAIRED}])(?:[^\W_]|[{MARKS}])")
_CASH, _NOTHING = re.compile(r"[\w$]"), re.compile(r"(?!)")
_WORDS = re.compile(rf"(?:[^\W_]|[{MARKS}])+")


class Marked(msgspec.Struct, frozen=True):
    """``ranges`` of [start, end), in order and apart from each other; ``held``: the terms that are there."""

    ranges: list[tuple[int, int]] = []
    held: list[Term] = []


class Wanted(msgspec.Struct, frozen=True):
    """A term as a ``pattern``; what must not stand before it, and whether a letter may stand behind it."""

    pattern: re.Pattern[str]
    begins: re.Pattern[str] = _NOTHING
    ends: bool = True


def mark(text: str, query: Query) -> Marked:
    """What of ``query`` is in ``text``."""
    folded, origin = _fold(text)
    ranges: list[tuple[int, int]] = []
    held: list[Term] = []
    for term in (term for group in query.wanted for term in group):
        found = list(_found(folded, term))
        if found:
            held.append(term)
        ranges += found or _parts(folded, term)
    return Marked([(origin[start], origin[end - 1] + 1) for start, end in _merged(ranges)][:MOST_MARKS], held)


def _found(folded: str, term: Term) -> Iterator[tuple[int, int]]:
    wanted = _wanted(term)
    if wanted is None:
        return
    place = 0
    while found := wanted.pattern.search(folded, place):
        start, end = found.span()
        if wanted.begins.match(folded, max(start - 1, 0), start) or (wanted.ends and _LETTER.match(folded, end)):
            place = start + 1
        else:
            yield start, end
            place = max(end, start + 1)


@lru_cache(maxsize=256)  # the same for all hits of a search
def _wanted(term: Term) -> Wanted | None:
    text = _fold(term.text)[0]
    if term.kind == "tag":
        return Wanted(re.compile(f"[#＃]{re.escape(text)}"))
    if term.kind == "cashtag":
        return Wanted(re.compile(rf"\${re.escape(text)}"), begins=_CASH)
    if term.kind == "piece" or re.search(f"[{PAIRED}]", text):
        return Wanted(re.compile(re.escape(text)), ends=False)
    words = _WORDS.findall(text)
    if not words:
        return None
    signs = re.escape(text[text.rfind(words[-1]) + len(words[-1]) :]) if term.kind == "word" else ""
    pattern = re.compile(r"[\W_]+".join(map(re.escape, words)) + signs)
    return Wanted(pattern, begins=_LETTER, ends=not (term.kind == "prefix" or signs))


def _parts(folded: str, term: Term) -> list[tuple[int, int]]:
    """Of a run without spaces that is not there as a whole, the pairs that are."""
    if term.kind != "piece" or len(term.text) < 3:
        return []
    pairs = {term.text[place : place + 2] for place in range(len(term.text) - 1)}
    return [found.span() for pair in pairs for found in re.finditer(re.escape(pair), folded)]


def _fold(text: str) -> tuple[str, Sequence[int]]:
    """Lower case without accents, and for each character of that its place in ``text``."""
    if text.isascii():
        return text.lower(), range(len(text))
    folded: list[str] = []
    origin: list[int] = []
    for place, character in enumerate(text):
        plain = character.lower()
        if character > "\u00bf" and not "\uac00" <= character <= "\ud7a3":
            parts = unicodedata.normalize("NFD", plain)
            # Only what stands above Latin, Greek and Cyrillic letters is an accent: elsewhere marks are vowels.
            plain = (
                "".join(part for part in parts if not "\u0300" <= part <= "\u036f") if parts[0] < "\u0590" else plain
            )
        folded += plain
        origin += [place] * len(plain)
    return "".join(folded), origin


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
