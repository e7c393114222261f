"""Which posts to quote: those that say most about the topic, one per wording and per voice.

Greedy selection over a fixed score; no model is asked. The score adds how much of the topic a post
covers, how people reacted to it, and whether it stands on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log1p

import msgspec

from services.worker.pipelines.plain_text import clean
from shared.store.briefing import CandidateRow

#: Fingerprints that differ in at most so many of 64 bits are one wording.
NEAR_BITS = 10
COVERAGE, ENGAGEMENT, CHOSEN, OWN, SUBSTANCE = 2.0, 1.0, 0.5, 0.3, 0.4
#: Shorter texts rarely say anything alone.
SHORTEST = 25


class Quote(msgspec.Struct, frozen=True):
    """A post to quote. ``alike`` counts other candidates in nearly the same words."""

    post: CandidateRow
    alike: int


def choose(candidates: Sequence[CandidateRow], terms: Sequence[str], most: int) -> list[Quote]:
    """Up to ``most`` posts, best first: no two in nearly the same words, and none by the same account.

    Posts without any printable text are never chosen.
    """
    unique = list({post.id: post for post in candidates if clean(post.text)}.values())
    loudest = max((_reactions(post) for post in unique), default=0.0)
    ranked = sorted(unique, key=lambda post: (-_score(post, terms, loudest), post.event_time, post.id))
    chosen: list[CandidateRow] = []
    authors: set[str] = set()
    for post in ranked:
        if len(chosen) == most:
            break
        if post.author not in authors and not any(alike(post, other) for other in chosen):
            chosen.append(post)
            authors.add(post.author)
    return [Quote(post, sum(alike(post, other) for other in unique if other.id != post.id)) for post in chosen]


def alike(one: CandidateRow, other: CandidateRow) -> bool:
    """Whether two posts say nearly the same words."""
    if one.fingerprint and other.fingerprint:
        return ((one.fingerprint ^ other.fingerprint) & 0xFFFF_FFFF_FFFF_FFFF).bit_count() <= NEAR_BITS
    return _folded(one.text) == _folded(other.text)


def _score(post: CandidateRow, terms: Sequence[str], loudest: float) -> float:
    text = post.text.casefold()
    own = {term.casefold() for term in post.terms}
    covered = sum(term.casefold() in own or term.casefold() in text for term in terms)
    return (
        COVERAGE * covered / max(len(terms), 1)
        + (ENGAGEMENT * _reactions(post) / loudest if loudest else 0.0)
        + CHOSEN * post.chosen
        + OWN * (not post.reply)
        + SUBSTANCE * (len(clean(post.text)) >= SHORTEST)
    )


def _reactions(post: CandidateRow) -> float:
    return log1p(max(post.likes, 0) + 2 * max(post.reposts, 0))


def _folded(text: str) -> str:
    return " ".join(clean(text).casefold().split())
