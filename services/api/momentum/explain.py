"""Topics in plain words: label, evidence, onset, representative posts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.api.momentum.sketch import Ints
from shared.features.fingerprint import distance

LABEL_WORDS = 4
REPRESENTATIVES = 3


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


def label_of(terms: Sequence[str]) -> str:
    """Up to four words, strongest first; tags, sites and pages only when words alone say too little."""
    spoken = [term for term in terms if "." not in term]
    plain = whole_words([term for term in spoken if term[0] not in "#$"])
    words = plain if len(plain) > 1 else whole_words(spoken or terms)
    label = " · ".join(words[:LABEL_WORDS])
    return label if words is not plain else label[:1].upper() + label[1:]


def why_of(posts: int, authors: int, usual: float, ratio: float, minutes: int) -> str:
    """The evidence in one sentence."""
    people = "one person" if authors == 1 else f"{authors:,} people"
    count = "1 post" if posts == 1 else f"{posts:,} posts"
    times = f"{_figure(ratio)} times the usual {_figure(usual)}"
    compared = "where fewer than one is usual" if usual < 1 else times
    ago = "1 minute" if minutes == 1 else f"{minutes:,} minutes"
    return f"{count} by {people} in the last hour, {compared}; began {ago} ago."


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


def representatives(rows: Ints, held: Ints, times: Ints, authors: Ints, prints: Ints, near_bits: int) -> list[int]:
    """Rows of the earliest post and of the three that hold most terms, all of distinct text and author."""
    first = int(rows[np.argmin(times[rows])])
    chosen, people, texts = [first], {int(authors[first])}, [int(prints[first])]
    for place in np.lexsort((times[rows], -held))[:200].tolist():
        row = int(rows[place])
        new_text = all(distance(int(prints[row]), text) > near_bits for text in texts)
        if int(authors[row]) not in people and new_text:
            chosen.append(row)
            people.add(int(authors[row]))
            texts.append(int(prints[row]))
        if len(chosen) > REPRESENTATIVES:
            break
    return chosen
