"""The diversity gate: a crowd is many people in their own words, from more than one source.

Copies are told by fingerprint. Campaigns of exchanged parts and of rewritten texts are told by how many
terms their posts have in common: mean pairwise overlap, as in content-driven campaign detection (Lee,
Caverlee, Cheng, Sui, CIKM 2011), judged together with repetition and with one page that all point to.
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

#: Posts looked at, the latest.
_LATEST = 200
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
    held = [view.terms(row) for row in rows.tolist()]
    names = ring.vocabulary.names
    distinct, counts = np.unique(np.concatenate(held), return_counts=True)
    # A link in common is the source's business, not the text's.
    links = np.array([number for number in distinct.tolist() if "." in names[number]], dtype=np.int32)
    spoken = [terms[~np.isin(terms, links)] for terms in held]
    long = [terms for terms in spoken if len(terms) >= config.text_terms]
    if len(long) < max(_LEAST, len(held) / 3):
        return False
    alike = likeness(long)
    if alike >= config.template_likeness:
        return True
    if alike < config.campaign_likeness:
        return False
    top = max((int(n) for number, n in zip(distinct, counts, strict=True) if "/" in names[number]), default=0)
    return top >= config.source_share * len(held) or author_share < config.campaign_author_share


def likeness(posts: Sequence[NDArray[np.int32]]) -> float:
    """Mean over all pairs of posts of the terms they share, as a part of the mean length."""
    _, counts = np.unique(np.concatenate(posts), return_counts=True)
    number, total = len(posts), int(counts.sum())
    pairs = float((counts * (counts - 1)).sum()) / (number * (number - 1))
    return pairs * number / total
