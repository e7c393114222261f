"""All that is counted of one post, the same wherever it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.features.fingerprint import fingerprint_in
from shared.features.segment import words_of_each
from shared.features.terms import cut_of, terms_in


class Said(NamedTuple):
    """What a post says: its text, and the hashtags and addresses of its metadata."""

    text: str
    tags: Sequence[str] = ()
    links: Sequence[str] = ()


def features_of(text: str, tags: Sequence[str] = (), links: Sequence[str] = ()) -> tuple[list[str], int]:
    """Terms and fingerprint of a post, as ``terms_of`` and ``fingerprint_of`` give, in one pass."""
    return features_of_each([Said(text, tags, links)])[0]


def features_of_each(posts: Sequence[Said]) -> list[tuple[list[str], int]]:
    """The same of some posts, faster than one by one. Memory grows with them: give some hundreds."""
    cuts = [cut_of(post.text) for post in posts]
    segmented = words_of_each([cut.runs for cut in cuts])
    return [
        (terms_in(cut, words, post.tags, post.links), fingerprint_in(cut.lowered, cut.words))
        for cut, words, post in zip(cuts, segmented, posts, strict=True)
    ]
