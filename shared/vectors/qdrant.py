"""The index in a Qdrant server: what the stack uses. The only home of qdrant-client.

One collection a model, ``posts_<model>``; the id of a point is the id of its post, so that repeating an
upsert changes nothing. Times are kept as whole microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse
from qdrant_client.models import Record

from shared.errors import IndexUnavailable
from shared.schemas.vector import DIMENSION, Vectors
from shared.vectors.checks import check_vector, check_vectors, unknown_place
from shared.vectors.index import Entry, Filter, Match, language_keys

#: A caller never waits longer than this for Qdrant.
TIMEOUT_SECONDS = 10
#: Points of one answer at most, where more are asked for.
PAGE = 1_000

_PREFIX = "posts_"
_INDEXED = {
    "feed": models.PayloadSchemaType.KEYWORD,
    "spoken": models.PayloadSchemaType.KEYWORD,
    "author": models.PayloadSchemaType.INTEGER,
    "linked": models.PayloadSchemaType.BOOL,
    "time": models.PayloadSchemaType.INTEGER,
}
_CONFLICT = 409
_HIGHEST = UUID(int=2**128 - 1)
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
            for model in self._named():
                self._client.delete(_collection(model), models.PointIdsList(points=ids), wait=True)

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        check_vector(vector)
        if where.posts is not None and not where.posts:
            return []
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

    def vectors(self, model: str, posts: Sequence[UUID]) -> dict[UUID, Vectors]:
        self.ensure(model)
        with _translated():
            return {post: _vector(record) for post, record in self._retrieve(model, posts, with_payload=False).items()}

    def recent(
        self, model: str, since: datetime, until: datetime, limit: int, after: UUID | None = None
    ) -> tuple[list[Entry], Vectors]:
        self.ensure(model)
        with _translated():
            ids = self._newest(model, _microseconds(since), _microseconds(until) - 1, limit, after)
            kept = self._retrieve(model, ids, with_payload=True)
        records = [kept[post] for post in ids if post in kept]
        entries = [_entry(record) for record in records]
        return entries, np.array([_vector(record) for record in records], np.float32).reshape(-1, DIMENSION)

    def scan(self, model: str, after: UUID | None, limit: int) -> list[UUID]:
        if after == _HIGHEST:
            return []
        self.ensure(model)
        with _translated():
            records, _next = self._client.scroll(
                _collection(model),
                limit=limit,
                offset=None if after is None else str(UUID(int=after.int + 1)),
                with_payload=False,
            )
        return [UUID(str(record.id)) for record in records]

    def models(self) -> list[str]:
        with _translated():
            return sorted(model for model in self._named() if self._client.count(_collection(model), exact=True).count)

    def drop(self, model: str) -> None:
        self._ensured.discard(model)
        with _translated():
            self._client.delete_collection(_collection(model))

    def _retrieve(self, model: str, posts: Sequence[UUID], *, with_payload: bool) -> dict[UUID, Record]:
        found: dict[UUID, Record] = {}
        for start in range(0, len(posts), PAGE):
            ids = [str(post) for post in posts[start : start + PAGE]]
            page = self._client.retrieve(_collection(model), ids, with_payload=with_payload, with_vectors=True)
            found |= {UUID(str(record.id)): record for record in page}
        return found

    def _named(self) -> list[str]:
        """Models that have a collection, be it empty."""
        names = [collection.name for collection in self._client.get_collections().collections]
        return [name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)]

    def _newest(self, model: str, low: int, high: int, limit: int, after: UUID | None) -> list[UUID]:
        """Ids of posts from ``low`` to ``high``, both inclusive, newest first, then by descending id.

        Qdrant orders by one field only, so posts of one microsecond are put in order here.
        """
        ids: list[UUID] = []
        if after is not None:
            found = self._client.retrieve(_collection(model), [str(after)], with_payload=["time"])
            if not found:
                raise unknown_place(after)
            time = _time(found[0])
            if low <= time <= high:
                ids = [post for post in self._tied(model, time) if post < after]
            high = min(high, time - 1)
        if len(ids) < limit and low <= high:
            wanted = limit - len(ids)
            page, _next = self._client.scroll(
                _collection(model),
                scroll_filter=models.Filter(must=[_between(low, high)]),
                limit=wanted,
                order_by=models.OrderBy(key="time", direction=models.Direction.DESC),
                with_payload=["time"],
            )
            placed = sorted(((_time(record), UUID(str(record.id))) for record in page), reverse=True)
            if len(placed) == wanted:  # of the last microsecond there may be more
                last = placed[-1][0]
                placed = [place for place in placed if place[0] > last]
                placed += [(last, post) for post in self._tied(model, last)]
            ids += [post for _time, post in placed]
        return ids[:limit]

    def _tied(self, model: str, time: int) -> list[UUID]:
        """All posts of the microsecond ``time``, by descending id."""
        found: list[UUID] = []
        offset: models.ExtendedPointId | None = None
        while True:
            page, offset = self._client.scroll(
                _collection(model),
                scroll_filter=models.Filter(must=[_between(time, time)]),
                limit=PAGE,
                offset=offset,
                with_payload=False,
            )
            found += [UUID(str(record.id)) for record in page]
            if offset is None:
                return found[::-1]

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
    return {
        "feed": entry.feed,
        "time": _microseconds(entry.time),
        "languages": list(entry.languages),
        "spoken": language_keys(entry.languages),
        "author": entry.author,
        "linked": entry.linked,
    }


def _entry(record: Record) -> Entry:
    payload = record.payload or {}
    time = _EPOCH + timedelta(microseconds=payload["time"])
    return Entry(
        *(UUID(str(record.id)), payload["feed"], time, tuple(payload["languages"])),
        *(payload.get("author", 0), payload.get("linked", False)),
    )


def _vector(record: Record) -> Vectors:
    return np.array(record.vector, dtype=np.float32)


def _time(record: Record) -> int:
    return int((record.payload or {})["time"])


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _between(low: int | None, high: int | None) -> models.FieldCondition:
    """Times from ``low`` to ``high``, both inclusive."""
    return models.FieldCondition(key="time", range=models.Range(gte=low, lte=high))


def _conditions(where: Filter) -> list[models.Condition]:
    language = None if where.language is None else where.language.lower()
    equal = {"feed": where.feed, "spoken": language, "author": where.author, "linked": where.linked}
    conditions: list[models.Condition] = [
        models.FieldCondition(key=key, match=models.MatchValue(value=value))
        for key, value in equal.items()
        if value is not None
    ]
    if where.since is not None or where.until is not None:
        conditions.append(
            _between(
                None if where.since is None else _microseconds(where.since),
                None if where.until is None else _microseconds(where.until) - 1,
            )
        )
    if where.posts is not None:
        conditions.append(models.HasIdCondition(has_id=[str(post) for post in where.posts]))
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
