"""Search by meaning and by words."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.schemas.base import Schema
from shared.schemas.post import Post

SearchMode = Literal["hybrid", "text only"]
SearchSort = Literal["relevance", "time"]


class SearchHit(Schema, frozen=True, kw_only=True):
    """``matched``: which arms found it. ``similarity`` is the cosine in [-1, 1] when meaning did.

    ``highlights`` are ranges [start, end) of ``post.text`` in code points; ``why`` is one short sentence. ``alike``
    near copies of the post were found as well and are not listed.
    """

    post: Post
    score: float
    matched: list[Literal["meaning", "words"]]
    similarity: float | None = None
    highlights: list[tuple[int, int]] = []
    why: str = ""
    alike: int = 0


class SearchResult(Schema, frozen=True, kw_only=True):
    """``mode`` says what could be searched; ``reason`` says why when it is not "hybrid".

    ``sort`` is the order of the hits: without words or a post to compare with there is nothing but time. ``next`` is
    the ``cursor`` of the following page. ``indexed`` posts can be found by meaning, the oldest possible one from
    ``meaning_since``; ``pending`` still wait for their vector.
    """

    query: str
    mode: SearchMode
    reason: str | None = None
    sort: SearchSort = "relevance"
    hits: list[SearchHit]
    next: str | None = None
    took_ms: float
    indexed: int
    pending: int
    meaning_since: datetime | None = None
