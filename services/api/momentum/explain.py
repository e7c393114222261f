"""Topics in plain words: label, evidence, onset, representative posts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.api.momentum.sketch import Floats, Ints
from services.api.momentum.view import View
from shared.features.fingerprint import distance
from shared.features.stopwords import WEAK_WORDS

LABEL_WORDS = 4
REPRESENTATIVES = 3
#: Jaccard index of two posts' terms above which they say the same.
_ALIKE = 0.6
_LONG = 6


def whole_words(terms: Sequence[str]) -> list[str]:
    """Terms without those that only repeat a part of another.

    Overlapping grams of a script without spaces are joined to the word they were cut from, and a tag
    counts as the word it holds. The order of first appearance is kept.
    """
    words: list[str] = []
    for term in terms:
        for place, word in enumerate(words):
            joined = _joined(word, term)
            if joined is not None:
                words[place] = joined
                break
        else:
            words.append(term)
    return [w for i, w in enumerate(words) if not any(w in other for other in words[:i])]


def _joined(word: str, term: str) -> str | None:
    """One word for two that overlap, or None."""
    bare, other = word.lstrip("#$"), term.lstrip("#$")
    if bare == other or other in bare:
        return word
    if bare in other and ("\u3005" <= bare[0] <= "\u9fff" or "/" in other):
        return term
    if len(other) == 2 and "\u3005" <= other[0] <= "\u9fff" and len(word) < 8:
        if word[-1] == other[0]:
            return word + other[1]
        if word[0] == other[1]:
            return other[0] + word
    return None


def telling(terms: Sequence[str]) -> list[str]:
    """``terms`` without those that name nothing ("between"), unless there are no others."""
    return [term for term in terms if term not in WEAK_WORDS] or list(terms)


def label_of(terms: Sequence[str]) -> str:
    """Up to four words, strongest first; tags, sites and pages only when words alone say too little."""
    spoken = [term for term in telling(terms) if "." not in term]
    plain = whole_words([term for term in spoken if term[0] not in "#$"])
    words = plain if len(plain) > 1 else whole_words(spoken or terms)
    label = " · ".join(words[:LABEL_WORDS])
    return label if words is not plain else label[:1].upper() + label[1:]


def why_of(posts: int, authors: int, usual: float, window: int, age: int) -> str:
    """The evidence of the last ``window`` minutes in one sentence; ``age`` in minutes."""
    people = "one person" if authors == 1 else f"{authors:,} people"
    count = "1 post" if posts == 1 else f"{posts:,} posts"
    compared = "fewer than one" if usual < 1 else _figure(usual)
    ago = "1 minute" if age == 1 else f"{age:,} minutes"
    stretch = "an hour" if window == 60 else f"{window} minutes"
    return f"{count} by {people} in {stretch}, usually {compared}; began {ago} ago."


def _figure(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:,.0f}"


def onset(per_minute: Ints, usual: float) -> int:
    """Index of the minute a run began: walking back from the end while each ten minutes hold at
    least two posts and twice the ``usual`` per minute, then the first post in that stretch."""
    sums = np.convolve(per_minute, np.ones(10), mode="full")[: len(per_minute)]
    quiet = np.flatnonzero(sums < max(2.0, 20.0 * usual))
    begin = int(quiet[-1]) + 1 if len(quiet) else 0
    busy = np.flatnonzero(per_minute[max(begin - 9, 0) :])
    if begin >= len(per_minute) or not len(busy):
        busy, begin = np.flatnonzero(per_minute), 0
    return int(busy[0]) + max(begin - 9, 0) if len(busy) else len(per_minute) - 1


def distinct_texts(prints: Ints, near_bits: int) -> int:
    """Texts that differ by more than ``near_bits`` of their fingerprints (at most 200 looked at)."""
    texts = np.unique(prints[-200:]).view(np.uint64)
    near = np.bitwise_count(texts[:, None] ^ texts[None, :]) <= near_bits
    kept = np.zeros(len(texts), dtype=np.bool_)
    for place in range(len(texts)):
        kept[place] = not (near[place] & kept).any()
    return int(kept.sum())


def representatives(view: View, rows: Ints, central: Floats, near_bits: int) -> list[int]:
    """Rows of the earliest post and of the three most ``central``, all of distinct author and text: neither
    alike by fingerprint nor by most of their terms."""
    chosen = [int(rows[np.argmin(view.times[rows])])]
    for place in np.lexsort((view.times[rows], -central))[:200].tolist():
        row = int(rows[place])
        if all(_apart(view, row, other, near_bits) for other in chosen):
            chosen.append(row)
        if len(chosen) > REPRESENTATIVES:
            break
    return chosen


def _apart(view: View, row: int, other: int, near_bits: int) -> bool:
    if view.authors[row] == view.authors[other]:
        return False
    if distance(int(view.prints[row]), int(view.prints[other])) <= near_bits:
        return False
    first, second = set(view.terms(row).tolist()), set(view.terms(other).tolist())
    # Short posts are alike by chance.
    return min(len(first), len(second)) < _LONG or len(first & second) <= _ALIKE * len(first | second)
