"""All that is counted of one post, the same wherever it is computed."""

from __future__ import annotations

from collections.abc import Sequence

from shared.features.fingerprint import fingerprint_in
from shared.features.terms import compose, terms_in


def features_of(text: str, tags: Sequence[str] = (), links: Sequence[str] = ()) -> tuple[list[str], int]:
    """Terms and fingerprint of a post, as ``terms_of`` and ``fingerprint_of`` give, in one pass."""
    composed = compose(text)
    lowered = composed.lower()
    return terms_in(composed, lowered, tags, links), fingerprint_in(lowered)
