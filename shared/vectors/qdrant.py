"""The index in a Qdrant server: what the stack uses. The only home of qdrant-client.

One collection a model, ``posts_<model>``; the id of a point is the id of its post, so that repeating an
upsert changes nothing. Times are kept as whole microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from shared.errors import IndexUnavailable
from shared.schemas.vector import DIMENSION, Vectors
from shared.vectors.checks import check_vector, check_vectors
from shared.vectors.index import Entry, Filter, Match

#: A caller never waits longer than this for Qdrant.
TIMEOUT_SECONDS = 10

_PREFIX = "posts_"
_INDEXED = {
    "feed": models.PayloadSchemaType.KEYWORD,
    "languages": models.PayloadSchemaType.KEYWORD,
    "time": models.PayloadSchemaType.INTEGER,
}
_CONFLICT = 409
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def connect(url: str, api_key: str) -> QdrantClient:
    """A client of the server at ``url``; connects when first used."""
    # As a header of our own: given as api_key, it would warn about plain HTTP inside the stack's network.
    headers = {"api-key": api_key} if api_key else {}
    return QdrantClient(url=url, headers=headers, timeout=TIMEOUT_SECONDS, check_compatibility=False)


class QdrantIndex:
    """Approximate cosine (HNSW) on a server, exact in the client's local mode (``local``, for tests)."""

    def __init__(self, client: QdrantClient, *, local: bool = False) -> None:
        self._client = client
        self._local = local
        self._ensured: set[str] = set()

    def ensure(self, model: str) -> None:
        if model in self._ensured:
            return
        with _translated():
            if not self._client.collection_exists(_collection(model)):
                self._create(_collection(model))
        self._ensured.add(model)

    def upsert(self, model: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        check_vectors(vectors, len(entries))
        if not entries:
            return
        self.ensure(model)
        points = [
            models.PointStruct(id=str(entry.post), vector=vector.tolist(), payload=_payload(entry))
            for entry, vector in zip(entries, vectors, strict=True)
        ]
        with _translated():
            self._client.upsert(_collection(model), points, wait=True)

    def delete(self, posts: Sequence[UUID]) -> None:
        ids: list[models.ExtendedPointId] = [str(post) for post in posts]
        if not ids:
            return
        with _translated():
            for collection in self._client.get_collections().collections:
                if collection.name.startswith(_PREFIX):
                    self._client.delete(collection.name, models.PointIdsList(points=ids), wait=True)

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        check_vector(vector)
        self.ensure(model)
        with _translated():
            answer = self._client.query_points(
                _collection(model),
                query=vector.tolist(),
                query_filter=models.Filter(must=_conditions(where)),
                limit=limit,
                with_payload=False,
            )
        return [Match(UUID(str(point.id)), point.score) for point in answer.points]

    def count(self, model: str) -> int:
        self.ensure(model)
        with _translated():
            return self._client.count(_collection(model), exact=True).count

    def _create(self, name: str) -> None:
        try:
            self._client.create_collection(
                name,
                vectors_config=models.VectorParams(
                    size=DIMENSION, distance=models.Distance.COSINE, datatype=models.Datatype.FLOAT16
                ),
            )
        except UnexpectedResponse as error:
            if error.status_code != _CONFLICT:  # another process made it in the meantime
                raise
        if not self._local:
            for field, schema in _INDEXED.items():
                self._client.create_payload_index(name, field, schema, wait=True)


def _collection(model: str) -> str:
    return _PREFIX + model


def _payload(entry: Entry) -> dict[str, object]:
    return {"feed": entry.feed, "time": _microseconds(entry.time), "languages": list(entry.languages)}


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _conditions(where: Filter) -> list[models.Condition]:
    conditions: list[models.Condition] = []
    if where.feed is not None:
        conditions.append(models.FieldCondition(key="feed", match=models.MatchValue(value=where.feed)))
    if where.language is not None:
        conditions.append(models.FieldCondition(key="languages", match=models.MatchValue(value=where.language)))
    if where.since is not None or where.until is not None:
        span = models.Range(
            gte=None if where.since is None else _microseconds(where.since),
            lt=None if where.until is None else _microseconds(where.until),
        )
        conditions.append(models.FieldCondition(key="time", range=span))
    return conditions


@contextmanager
def _translated() -> Iterator[None]:
    """The client's errors as ours; it never retries, so neither does a caller wait twice."""
    try:
        yield
    except (ApiException, QdrantException, OSError) as error:
        lines = str(error).strip().splitlines()
        raise IndexUnavailable(
            "Qdrant did not answer as it should.", why=lines[0] if lines else type(error).__name__
        ) from error
