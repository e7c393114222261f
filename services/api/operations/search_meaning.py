"""The meaning arm of a search. Runs in a worker thread: both the model and the index block."""

from __future__ import annotations

from uuid import UUID

import msgspec

from services.api.operations.queries import SearchInput
from shared.embedding.embedder import Embedder
from shared.errors import EmbedderUnavailable, GroundswellError
from shared.schemas.post import Post
from shared.schemas.vector import Vectors
from shared.telemetry import logs
from shared.vectors.index import Filter, VectorIndex

#: Posts whose cosine with the query is lower are not "found by meaning". E5's cosines all lie high: over
#: twelve events told in six languages, 97 % of the posts about what was asked reach 0.80 and 93 % of the
#: others stay below it (a test holds both figures).
LEAST_SIMILARITY = 0.80

_log = logs.get(__name__)


class Meaning(msgspec.Struct, frozen=True):
    """``similarities`` of what was found, best first; ``reason`` says why it could not look."""

    similarities: dict[UUID, float] = {}
    reason: str | None = None


def by_meaning(
    index: VectorIndex,
    embedder: Embedder,
    given: SearchInput,
    said: str,
    like: Post | None,
    among: frozenset[UUID] | None,
    limit: int,
) -> Meaning:
    """The ``limit`` posts closest to what is ``said``, or to ``like``, that are close enough; only ``among`` those."""
    if not embedder.available:
        return Meaning(reason=f"There is no embedding model: {embedder.reason}.")
    try:
        where = Filter(feed=given.feed, language=given.language, since=given.since, until=given.until)
        vector = _vector(embedder, said, like)
        if vector is None or (among is not None and not among):
            return Meaning()
        found = index.search(embedder.model, vector, limit, where)
    except GroundswellError as error:
        part = "embedding model" if isinstance(error, EmbedderUnavailable) else "vector index"
        _log.warning("search_by_meaning_failed", part=part, reason=str(error))
        return Meaning(reason=f"The {part} failed: {error.what}")
    return Meaning({one.post: one.similarity for one in found if one.similarity >= LEAST_SIMILARITY})


def _vector(embedder: Embedder, said: str, like: Post | None) -> Vectors | None:
    if like is not None:
        return embedder.embed([like.text], "passage")[0] if like.text.strip() else None
    return embedder.embed([said], "query")[0] if said else None
