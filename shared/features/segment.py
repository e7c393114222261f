"""Words of scripts that write no spaces: Japanese, Chinese, Thai, Lao, Khmer and Burmese.

ICU's dictionary breaker (UAX 29 with the CJK, Thai, Lao, Khmer and Burmese dictionaries) cuts a run
into pieces. A name it does not know falls into short pieces, always the same ones: single Han
characters, or syllables of Thai. Han characters that stand together are joined again, and one alone
is added to its neighbour as a term more; syllables give pairs. So a new name comes out as one term
or as the same few. Function words join nothing; hiragana alone (mostly grammar) gives nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from icu4py.breakers import WordBreaker

from shared.features.function_words import FUNCTION_WORDS

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々〆"
KATAKANA = "\u30a1-\u30faー"
HIRAGANA = "\u3041-\u309f"
EASTERN = "\u3005-\u9fff\uf900-\ufaff"  # all three, and what stands between them
SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer

#: Han characters of a term joined from single ones at most; longer is no name.
_LONGEST = 6
#: Characters of a Thai, Lao, Khmer or Burmese word at least; one as short as that is often a syllable.
_SYLLABLE = 4

# The small ke and ka of place names (霧ヶ浜) count as Han between Han.
_EAST = re.compile(
    rf"[{KATAKANA}]{{3,}}|(?:[{HAN}]+[ヶヵケ](?=[{HAN}])|[{HAN}{HIRAGANA}]|[{KATAKANA}](?![{KATAKANA}]))+"
)
_HOLDS_HAN = re.compile(f"[{HAN}]")
_LIKE_HAN = frozenset("ヶヵケ々〆")
_ALL_HAN = re.compile(f"[{HAN}ヶヵケ]+")


def words_of(runs: Sequence[str]) -> list[str]:
    """Terms of a post's runs of characters of these scripts only; may hold one twice."""
    return words_of_each([runs])[0]


def words_of_each(posts: Sequence[Sequence[str]]) -> list[list[str]]:
    """``words_of`` the runs of each post.

    All go to ICU together: making a breaker costs as much as breaking a post.
    """
    cut = [_cut(runs) for runs in posts]
    text = "\n".join(part for _, parts in cut for part in parts)
    lines = _broken(text) if text else iter(())
    for found, parts in cut:
        for _ in parts:
            pieces = next(lines)
            found += _joined(pieces) if pieces[0] > "\u2e00" else _paired(pieces)
    return [found for found, _ in cut]


def _cut(runs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Of a post's runs the words that are seen without a dictionary, and the parts that are not."""
    found: list[str] = []
    parts: list[str] = []
    for run in runs:
        if run[0] < "\u2e00":
            parts.append(run)
            continue
        for part in _EAST.findall(run):
            if "\u30a1" <= part[0] <= "\u30ff" and len(part) > 2:
                found.append(part)
            elif len(part) == 2 and _ALL_HAN.fullmatch(part):
                if part not in FUNCTION_WORDS:
                    found.append(part)
            elif len(part) > 1 and _HOLDS_HAN.search(part):
                parts.append(part)
    return found, parts


def _broken(text: str) -> Iterator[list[str]]:
    """The pieces of each line."""
    pieces: list[str] = []
    for piece in WordBreaker(text, "en"):
        if piece == "\n":
            yield pieces
            pieces = []
        else:
            pieces.append(piece)
    yield pieces


def _joined(pieces: list[str]) -> list[str]:
    """Han words, and what single characters between them join to."""
    found: list[str] = []
    before = loose = ""
    for piece in [*pieces, ""]:
        # Hiragana alone, and what else holds no Han at its start, joins nothing.
        eastern = "\u3400" <= piece <= "\ufaff\uffff" or piece in _LIKE_HAN
        whole = piece if eastern and piece not in FUNCTION_WORDS else ""
        if len(whole) == 1:
            loose += piece
            continue
        if loose:
            # One that stands alone is a part of its neighbour; several are a word of their own.
            joined = loose if len(loose) > 1 else before + loose if before else loose + whole
            if 1 < len(joined) <= _LONGEST:
                found.append(joined)
            loose = ""
        if whole:
            found.append(whole)
        before = whole
    return found


def _paired(pieces: list[str]) -> list[str]:
    """Words, and pairs of neighbours of which one is short: the dictionaries cut compounds finely.

    A pair depends on nothing but its own pieces, so a new name gives the same pairs in any sentence.
    """
    found: list[str] = []
    before = ""
    for piece in pieces:
        if piece in FUNCTION_WORDS:
            before = ""
            continue
        if before and min(len(before), len(piece)) <= _SYLLABLE:
            found.append(before + piece)
        if len(piece) >= _SYLLABLE:
            found.append(piece)
        before = piece
    return found
