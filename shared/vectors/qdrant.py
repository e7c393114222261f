"""The index in a Qdrant server: what the stack uses. qdrant-client has its home here and in ``qdrant_snapshots``.

One collection a model, ``posts_<model>``; the id of a point is the id of its post, so that repeating an
upsert changes nothing. Times are kept as whole microseconds since 1970.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import msgspec
import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse
from qdrant_client.models import Filter as Conditions
from qdrant_client.models import PointIdsList, Record

from shared.errors import IndexUnavailable
from shared.schemas.vector import DIMENSION, Vectors
from shared.vectors.checks import check_vector, check_vectors, unknown_place
from shared.vectors.index import Entry, Filter, Match, language_keys
from shared.vectors.rest import Rest

#: One request takes no longer, and one with all its repetitions no longer than two and a half times this.
TIMEOUT_SECONDS = 5
#: What fails for the moment is asked again after these pauses. Every call of ours can be: ids are given by us.
PAUSES_SECONDS = (0.1, 0.4, 1.6)
#: Somebody waits for a search, who is better served by words alone than late.
IMPATIENT = (0.1,)
#: Points of one answer at most, where more are asked for.
PAGE = 1_000
#: Where filters leave at most so many points, all are compared: a graph finds too few of them.
EXACT_POINTS = 20_000
#: Candidates that a search of the graph keeps in view, at least.
BREADTH = 128

PREFIX = "posts_"
_INDEXED = {
    "feed": models.PayloadSchemaType.KEYWORD,
    "spoken": models.PayloadSchemaType.KEYWORD,
    "author": models.PayloadSchemaType.INTEGER,
    "linked": models.PayloadSchemaType.BOOL,
    "time": models.PayloadSchemaType.INTEGER,
}
_MISSING, _CONFLICT, _BUSY, _FAULT = 404, 409, 429, 500
_REFUSED = {401: "It refused the API key (GROUNDSWELL_QDRANT_API_KEY).", 403: "The API key may not do this."}
_HIGHEST = UUID(int=2**128 - 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Answer = TypeVar("_Answer")


class Storage(msgspec.Struct, frozen=True):
    """How a collection keeps its vectors.

    ``compact``: whole vectors on disk, and a byte a number in memory to search by; the best are compared
    anew with the whole ones. A million vectors then want some 0.6 GB of memory instead of 1.1 (the graph included).
    """

    compact: bool = False


IN_MEMORY = Storage()


def connect(url: str, api_key: str) -> QdrantClient:
    """A client of the server at ``url``; connects when first used."""
    # As a header of our own: given as api_key, it would warn about plain HTTP inside the stack's network.
    headers = {"api-key": api_key} if api_key else {}
    return QdrantClient(url=url, headers=headers, timeout=TIMEOUT_SECONDS, check_compatibility=False)


class QdrantIndex:
    """Cosine on a server: approximate (HNSW), or exact where filters leave few. Thread-safe, as its client is."""

    def __init__(self, client: QdrantClient, storage: Storage = IN_MEMORY) -> None:
        self._client, self._storage = client, storage
        self._ensured: set[str] = set()
        self._rest = Rest(TIMEOUT_SECONDS)

    def ensure(self, model: str) -> None:
        if model in self._ensured:
            return
        name = _collection(model)
        if not _patiently(lambda: self._client.collection_exists(name)):
            _patiently(lambda: self._create(name))
        else:
            _patiently(lambda: self._adapt(name))
        self._ensured.add(model)

    def upsert(self, model: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        check_vectors(vectors, len(entries))
        if not entries:
            return
        points = [
            models.PointStruct(id=str(entry.post), vector=vector.tolist(), payload=_payload(entry))
            for entry, vector in zip(entries, vectors, strict=True)
        ]
        for start in range(0, len(points), PAGE):
            page = points[start : start + PAGE]
            self.ensure(model)
            try:
                _patiently(lambda page=page: self._client.upsert(_collection(model), page, wait=True))  # type: ignore[misc]
            except CollectionMissing:  # another process dropped it
                self._ensured.discard(model)
                self.ensure(model)
                _patiently(lambda page=page: self._client.upsert(_collection(model), page, wait=True))  # type: ignore[misc]

    def delete(self, posts: Sequence[UUID]) -> None:
        for start in range(0, len(posts), PAGE):
            selector = PointIdsList(points=[str(post) for post in posts[start : start + PAGE]])
            for model in self._named():
                self._delete(model, selector)

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        check_vector(vector)
        if (where.posts is not None and not where.posts) or not self._exists(model):
            return []
        wanted = Conditions(must=_conditions(where))
        exact = self._is_small(model, where, wanted)
        params = models.SearchParams(exact=exact, hnsw_ef=max(BREADTH, 2 * limit))
        if self._storage.compact and not exact:
            params.quantization = models.QuantizationSearchParams(rescore=True, oversampling=3.0)
        answer = self._soon(
            lambda: self._client.query_points(
                _collection(model),
                query=vector.tolist(),
                query_filter=wanted,
                search_params=params,
                limit=limit,
                with_payload=False,
            )
        )
        return [Match(UUID(str(point.id)), point.score) for point in answer.points]

    def count(self, model: str) -> int:
        if not self._exists(model):
            return 0
        return self._soon(lambda: self._client.count(_collection(model), exact=True)).count

    def vectors(self, model: str, posts: Sequence[UUID]) -> dict[UUID, Vectors]:
        if not self._exists(model):
            return {}
        found = self._retrieve(model, posts, with_payload=False)
        return {post: _vector(record) for post, record in found.items()}

    def recent(
        self, model: str, since: datetime, until: datetime, limit: int, after: UUID | None = None
    ) -> tuple[list[Entry], Vectors]:
        records: list[Record] = []
        if self._exists(model):
            ids = self._newest(model, _microseconds(since), _microseconds(until) - 1, limit, after)
            kept = self._retrieve(model, ids, with_payload=True)
            records = [kept[post] for post in ids if post in kept]
        entries = [_entry(record) for record in records]
        return entries, np.array([_vector(record) for record in records], np.float32).reshape(-1, DIMENSION)

    def scan(self, model: str, after: UUID | None, limit: int) -> list[UUID]:
        if after == _HIGHEST or not self._exists(model):
            return []
        offset = None if after is None else str(UUID(int=after.int + 1))
        records, _next = _patiently(
            lambda: self._client.scroll(_collection(model), limit=limit, offset=offset, with_payload=False)
        )
        return [UUID(str(record.id)) for record in records]

    def models(self) -> list[str]:
        return sorted(model for model in self._named() if self.count(model))

    def drop(self, model: str) -> None:
        self._ensured.discard(model)
        _patiently(lambda: self._client.delete_collection(_collection(model)))

    def _soon(self, attempt: Callable[[], _Answer]) -> _Answer:
        """``attempt``, for who waits: hardly repeated, and not asked at all for a while after silence."""
        began = self._rest.begin()
        try:
            answer = _patiently(attempt, () if self._rest.suspect else IMPATIENT)
        except IndexUnavailable:
            self._rest.failed(began)
            raise
        self._rest.answered()
        return answer

    def _exists(self, model: str) -> bool:
        """Whether there is a collection to read: reading makes none."""
        return self._soon(lambda: self._client.collection_exists(_collection(model)))

    def _is_small(self, model: str, where: Filter, wanted: Conditions) -> bool:
        """Whether so few points pass that comparing all of them is better than the graph."""
        if where == Filter():
            return False
        if where.posts is not None:
            return True
        passing = self._soon(lambda: self._client.count(_collection(model), count_filter=wanted, exact=False))
        return passing.count <= EXACT_POINTS

    def _delete(self, model: str, selector: PointIdsList) -> None:
        try:
            _patiently(lambda: self._client.delete(_collection(model), selector, wait=True))
        except CollectionMissing:
            self._ensured.discard(model)

    def _retrieve(self, model: str, posts: Sequence[UUID], *, with_payload: bool) -> dict[UUID, Record]:
        found: dict[UUID, Record] = {}
        for start in range(0, len(posts), PAGE):
            ids = [str(post) for post in posts[start : start + PAGE]]
            page = _patiently(
                lambda ids=ids: self._client.retrieve(  # type: ignore[misc]
                    _collection(model), ids, with_payload=with_payload, with_vectors=True
                )
            )
            found |= {UUID(str(record.id)): record for record in page}
        return found

    def _named(self) -> list[str]:
        """Models that have a collection, be it empty."""
        names = [collection.name for collection in _patiently(self._client.get_collections).collections]
        return [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]

    def _newest(self, model: str, low: int, high: int, limit: int, after: UUID | None) -> list[UUID]:
        """Ids of posts from ``low`` to ``high``, both inclusive, newest first, then by descending id.

        Qdrant orders by one field only, so posts of one microsecond are put in order here.
        """
        ids: list[UUID] = []
        if after is not None:
            found = _patiently(lambda: self._client.retrieve(_collection(model), [str(after)], with_payload=["time"]))
            if not found:
                raise unknown_place(after)
            time = _time(found[0])
            if low <= time <= high:
                ids = [post for post in self._tied(model, time) if post < after]
            high = min(high, time - 1)
        if len(ids) < limit and low <= high:
            wanted = limit - len(ids)
            between = Conditions(must=[_between(low, high)])
            newest = models.OrderBy(key="time", direction=models.Direction.DESC)
            page, _next = _patiently(
                lambda: self._client.scroll(
                    _collection(model), scroll_filter=between, limit=wanted, order_by=newest, with_payload=["time"]
                )
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
        at_once = Conditions(must=[_between(time, time)])
        while True:
            page, offset = _patiently(
                lambda place=offset: self._client.scroll(  # type: ignore[misc]
                    _collection(model), scroll_filter=at_once, limit=PAGE, offset=place, with_payload=False
                )
            )
            found += [UUID(str(record.id)) for record in page]
            if offset is None:
                return found[::-1]

    def _create(self, name: str) -> None:
        try:
            self._client.create_collection(
                name,
                vectors_config=models.VectorParams(
                    size=DIMENSION,
                    distance=models.Distance.COSINE,
                    datatype=models.Datatype.FLOAT16,
                    on_disk=self._storage.compact,
                ),
                quantization_config=_quantisation() if self._storage.compact else None,
            )
        except UnexpectedResponse as error:
            if error.status_code != _CONFLICT:  # another process made it in the meantime
                raise
        for field, schema in _INDEXED.items():
            self._client.create_payload_index(name, field, schema, wait=True)

    def _adapt(self, name: str) -> None:
        """Bring a collection to what the settings ask for; Qdrant does the work in the background."""
        found = self._client.get_collection(name)
        for field in sorted(_INDEXED.keys() - found.payload_schema.keys()):
            self._client.create_payload_index(name, field, _INDEXED[field], wait=True)
        if (found.config.quantization_config is not None) != self._storage.compact:
            self._client.update_collection(
                name,
                vectors_config={"": models.VectorParamsDiff(on_disk=self._storage.compact)},
                quantization_config=_quantisation() if self._storage.compact else models.Disabled.DISABLED,
            )


def _quantisation() -> models.ScalarQuantization:
    return models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    )


def _collection(model: str) -> str:
    return PREFIX + model


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


class CollectionMissing(IndexUnavailable):
    """The collection is not there (any more)."""


def _patiently(attempt: Callable[[], _Answer], pauses: Sequence[float] | None = None) -> _Answer:
    """``attempt``, repeated while Qdrant is away or busy for a moment. Raises IndexUnavailable, within bounds."""
    began = time.monotonic()
    for pause in (*(PAUSES_SECONDS if pauses is None else pauses), None):
        try:
            return attempt()
        except (ApiException, QdrantException, OSError) as error:
            over = pause is None or time.monotonic() - began + pause > 1.5 * TIMEOUT_SECONDS
            if over or not _may_pass(error):
                raise _said(error) from error
            time.sleep(pause or 0)
    raise AssertionError  # the last attempt returned or raised


def _may_pass(error: Exception) -> bool:
    if isinstance(error, UnexpectedResponse):
        return error.status_code == _BUSY or (error.status_code or 0) >= _FAULT
    return isinstance(error, (ResponseHandlingException, ResourceExhaustedResponse, OSError))


def _said(error: Exception) -> IndexUnavailable:
    """Vendor's errors as ours. What a server answers may be anything: only its first line is kept."""
    status = error.status_code if isinstance(error, UnexpectedResponse) else None
    if status in _REFUSED:
        return IndexUnavailable("Qdrant did not let us in.", why=_REFUSED[status])
    lines = str(error).strip().splitlines()
    why = lines[0] if lines else type(error).__name__
    if status == _MISSING:
        return CollectionMissing("The collection is not there.", why=why)
    return IndexUnavailable("Qdrant did not answer as it should.", why=why)
