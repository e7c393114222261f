"""The diversity gate: a crowd is many people in their own words, from more than one source.

Copies are told by fingerprint, and a headline passed on counts once. Campaigns of exchanged parts and of
rewritten texts are told by how many terms their posts have in common: mean pairwise overlap, as in
content-driven campaign detection (Lee, Caverlee, Cheng, Sui, CIKM 2011), judged together with repetition and
with one page that all point to.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.api.momentum.config import MomentumConfig
from services.api.momentum.evidence import Evidence
from services.api.momentum.explain import distinct_texts
from services.api.momentum.ring import Ring
from services.api.momentum.sketch import Ints
from services.api.momentum.view import View
from services.api.momentum.vocabulary import Names

#: Posts looked at, the latest.
_LATEST = 200
#: Of them, those whose wording is compared: all pairs are.
_COMPARED = 100
#: Long posts needed before their likeness says anything.
_LEAST = 5


def diverse(config: MomentumConfig, ring: Ring, view: View, evidence: Evidence) -> bool:
    """Whether the evidence is a crowd."""
    rows = evidence.rows[np.argsort(view.times[evidence.rows], kind="stable")][-_LATEST:]
    authors = len(np.unique(view.authors[rows]))
    if authors < config.min_authors or authors < config.min_author_share * len(rows):
        return False
    texts = distinct_texts(view.prints[rows], config.near_text_bits)
    if texts < max(config.min_texts, config.min_text_share * min(len(rows), 100)):
        return False
    return not _campaign(config, ring, view, rows, authors / len(rows))


def _campaign(config: MomentumConfig, ring: Ring, view: View, rows: Ints, author_share: float) -> bool:
    held = [view.terms(row) for row in rows[-_COMPARED:].tolist()]
    names = ring.vocabulary.names
    distinct = np.unique(np.concatenate(held))
    # A link in common is the source's business, not the text's.
    links = np.array([number for number in distinct.tolist() if "." in names[number]], dtype=np.int32)
    spoken = [terms[~np.isin(terms, links)] for terms in held]
    long = [place for place, terms in enumerate(spoken) if len(terms) >= config.text_terms]
    if len(long) < max(_LEAST, len(held) / 3):
        return False
    if not _alike(config, names, [held[place] for place in long], [spoken[place] for place in long], author_share):
        return False
    # A headline that many pass on makes a crowd alike: what it is without counts too.
    own = [long[place] for place in own_words([spoken[place] for place in long], config.quote_likeness)]
    if len(own) < max(config.min_texts, config.min_text_share * min(len(long), 100)):
        return True
    return _alike(config, names, [held[place] for place in own], [spoken[place] for place in own], author_share)


def _alike(
    config: MomentumConfig,
    names: Names,
    posts: Sequence[NDArray[np.int32]],
    spoken: Sequence[NDArray[np.int32]],
    author_share: float,
) -> bool:
    """Whether posts are one text with its parts exchanged, or one source's in other words. ``spoken`` are their
    terms without links."""
    alike = likeness(spoken)
    if alike >= config.template_likeness:
        return True
    if alike < config.campaign_likeness:
        return False
    terms, counts = np.unique(np.concatenate(posts), return_counts=True)
    top = max((int(n) for number, n in zip(terms, counts, strict=True) if "/" in names[number]), default=0)
    return top >= config.source_share * len(posts) or author_share < config.campaign_author_share


def own_words(posts: Sequence[NDArray[np.int32]], quote: float) -> list[int]:
    """Places of the posts that pass on no earlier one: those that have less than ``quote`` of their terms in
    common with any kept before. A headline that many pass on says once what it says."""
    lengths = np.array([len(terms) for terms in posts])
    terms, inverse, counts = np.unique(np.concatenate(posts), return_inverse=True, return_counts=True)
    # Only what two posts hold can be in common; most terms stand in one.
    common = counts >= 2
    held = np.zeros((len(posts), len(terms)), dtype=np.float32)
    held[np.repeat(np.arange(len(posts)), lengths), inverse] = 1.0
    held = held[:, common]
    passed_on = held @ held.T >= quote * (lengths[:, None] + lengths[None, :]) / 2
    kept: list[int] = []
    for place in range(len(posts)):
        if not passed_on[place, kept].any():
            kept.append(place)
    return kept


def likeness(posts: Sequence[NDArray[np.int32]]) -> float:
    """Mean over all pairs of posts of the terms they share, as a part of the mean length."""
    _, counts = np.unique(np.concatenate(posts), return_counts=True)
    number, total = len(posts), int(counts.sum())
    pairs = float((counts * (counts - 1)).sum()) / (number * (number - 1))
    return pairs * number / total
