"""Search by meaning and by words."""

from __future__ import annotations

from typing import Literal

from shared.schemas.base import Schema
from shared.schemas.post import Post

SearchMode = Literal["hybrid", "text only"]


class SearchHit(Schema, frozen=True, kw_only=True):
    """``matched``: which arms found it. ``similarity`` is the cosine in [-1, 1] when meaning did."""

    post: Post
    score: float
    matched: list[Literal["meaning", "words"]]
    similarity: float | None = None


class SearchResult(Schema, frozen=True, kw_only=True):
    """``mode`` says what could be searched; ``reason`` says why when it is not "hybrid"."""

    query: str
    mode: SearchMode
    reason: str | None = None
    hits: list[SearchHit]
    took_ms: float
    indexed: int
    pending: int
