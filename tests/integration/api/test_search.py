"""Hybrid search on real PostgreSQL, with the real model where meaning is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar
from uuid import UUID

import msgspec
import pytest

from services.api.operations.queries import SearchInput
from services.api.operations.search import search
from services.api.operations.search_coverage import Coverage
from services.api.operations.search_meaning import Eye
from shared.config.settings import Settings
from shared.contracts.ids import post_id
from shared.embedding.embedder import Embedder
from shared.embedding.null import NullEmbedder
from shared.errors import EmbedderUnavailable, InputError, StoreUnavailable
from shared.schemas.search import SearchResult
from shared.schemas.vector import Vectors
from shared.store import pending
from shared.store.database import AsyncDatabase, Command, Database
from shared.vectors.index import Entry, VectorIndex
from shared.vectors.memory import MemoryIndex
from shared.vectors.pgvector import PgvectorIndex
from tests.support.multilingual import EVENTS

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
OFF = NullEmbedder("turned off")
Result = TypeVar("Result")

ADD = Command(
    """WITH added AS (
         INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages)
         VALUES (%(id)s, %(feed)s, %(uri)s, 'did:plc:someone', 1, %(time)s, %(text)s, %(languages)s)
         RETURNING id, seq
       ) INSERT INTO embedding_pending (post, seq) SELECT id, seq FROM added"""
)
TOMBSTONE = Command("UPDATE post SET deleted_at = now(), text = '' WHERE id = %(id)s")


class Record:
    """A database with posts in it, and searches over it."""

    def __init__(self, database: Database, url: str) -> None:
        self.database = database
        self.index: VectorIndex = PgvectorIndex(database)
        self._url = url
        database.execute(
            Command("INSERT INTO feed (id, kind, url) VALUES ('sky', 'jetstream', ''), ('b', 'jetstream', '')")
        )

    def add(self, text: str, *, minute: int = 0, language: str = "en", feed: str = "sky") -> str:
        uri = f"at://did:plc:someone/app.bsky.feed.post/{text[:40]}"
        time = NOON + timedelta(minutes=minute)
        identity = post_id(uri)
        self.database.execute(
            ADD, {"id": identity, "feed": feed, "uri": uri, "time": time, "text": text, "languages": [language]}
        )
        return str(identity)

    def embed(self, embedder: Embedder) -> None:
        """As the relay does: take, embed, store, mark done."""
        taken = self.database.fetch(pending.TAKE, {"limit": 1000, "index": 0, "count": 1})
        vectors = embedder.embed([post.text for post in taken], "passage")
        entries = [Entry(post.id, post.feed, post.time, tuple(post.languages)) for post in taken]
        self.index.upsert(embedder.model, entries, vectors)
        params = {"posts": [post.id for post in taken], "versions": [post.version for post in taken]}
        self.database.execute(pending.DONE, params)

    def search(self, q: str, embedder: Embedder = OFF, **options: object) -> SearchResult:
        query = msgspec.convert({"q": q, **options}, SearchInput)
        return self.run(
            lambda database: search(database, Eye(self.index, embedder), query, Coverage(self.index, embedder))
        )

    def run(self, work: Callable[[AsyncDatabase], Awaitable[Result]]) -> Result:
        async def main() -> Result:
            database = AsyncDatabase(Settings(postgres_url=self._url), name="test", size=3)
            await database.open()
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(main())


@pytest.fixture
def record(database: Database, postgres_url: str) -> Record:
    return Record(database, postgres_url)


def texts(result: SearchResult) -> list[str]:
    return [hit.post.text for hit in result.hits]


def tell_all(record: Record) -> None:
    for minute, told in enumerate(EVENTS.values()):
        for language, text in told.items():
            record.add(text, minute=minute, language=language)


def test_a_search_by_meaning_finds_other_languages(record: Record, embedder: Embedder) -> None:
    tell_all(record)
    record.embed(embedder)
    result = record.search("power outage", embedder, limit=20)
    assert (result.mode, result.reason) == ("hybrid", None)
    assert (result.indexed, result.pending) == (72, 0)
    assert set(EVENTS["power outage"].values()) <= set(texts(result))
    assert all(hit.matched == ["meaning"] and hit.similarity and hit.similarity > 0.8 for hit in result.hits)


def test_what_both_arms_find_comes_first(record: Record, embedder: Embedder) -> None:
    record.add("Power outage downtown, the whole street is dark")
    tell_all(record)
    record.embed(embedder)
    first = record.search("power outage", embedder).hits[0]
    assert first.post.text.startswith("Power outage downtown")
    assert first.matched == ["meaning", "words"]


def test_filters_hold_for_both_arms(record: Record, embedder: Embedder) -> None:
    record.add("power outage one", minute=0, language="en")
    record.add("power outage two", minute=1, language="pt", feed="b")
    record.add("power outage three", minute=2, language="pt")
    record.embed(embedder)
    for options, expected in (
        ({"language": "pt"}, {"two", "three"}),
        ({"feed": "b"}, {"two"}),
        ({"since": NOON + timedelta(minutes=1)}, {"two", "three"}),
        ({"until": NOON + timedelta(minutes=1)}, {"one"}),
        ({"feed": "sky", "language": "pt", "since": NOON, "until": NOON + timedelta(hours=1)}, {"three"}),
    ):
        for model in (embedder, OFF):
            assert {text.split()[-1] for text in texts(record.search("power outage", model, **options))} == expected


def test_without_a_model_words_are_searched_and_it_says_so(record: Record) -> None:
    record.add("Power outage downtown")
    record.add("Nothing of the kind")
    result = record.search("power OUTAGE")
    assert texts(result) == ["Power outage downtown"]
    assert result.mode == "text only"
    assert result.reason is not None
    assert "turned off" in result.reason
    assert (result.hits[0].matched, result.hits[0].similarity) == (["words"], None)
    assert result.pending == 2


def test_without_an_index_words_are_searched_and_it_says_so(record: Record, embedder: Embedder) -> None:
    record.add("Power outage downtown")
    away = MemoryIndex()
    away.away = True
    record.index = away
    result = record.search("outage", embedder)
    assert (texts(result), result.mode, result.indexed) == (["Power outage downtown"], "text only", 0)
    assert "vector index" in (result.reason or "")


class FailingEmbedder:
    model, available, reason = "failing", True, "for a test"

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        raise EmbedderUnavailable("The model gave unusable vectors.")


def test_a_model_that_fails_leaves_the_words(record: Record) -> None:
    record.add("Power outage downtown")
    result = record.search("outage", FailingEmbedder())
    assert (texts(result), result.mode) == (["Power outage downtown"], "text only")
    assert "unusable" in (result.reason or "")


def test_a_deleted_post_is_not_found_even_while_its_vector_remains(record: Record, embedder: Embedder) -> None:
    identity = record.add("Power outage downtown")
    record.add("Power outage uptown")
    record.embed(embedder)
    record.database.execute(TOMBSTONE, {"id": UUID(identity)})
    assert texts(record.search("power outage", embedder)) == ["Power outage uptown"]
    assert texts(record.search("power outage")) == ["Power outage uptown"]
    assert record.index.count(embedder.model) == 2


@pytest.mark.parametrize("q", ["停電", "停電 エレベーター"])
def test_japanese_words_are_found_without_a_model(record: Record, q: str) -> None:
    tell_all(record)
    assert texts(record.search(q)) == [EVENTS["power outage"]["ja"]]


def test_a_post_with_a_part_of_a_run_without_spaces_does_not_claim_to_hold_it(record: Record) -> None:
    record.add("値札を見て静かにコートを棚に戻しました", language="ja")
    [hit] = record.search("コーヒー豆").hits
    assert hit.highlights
    assert hit.why == "Holds a part of what you asked for."


def test_what_is_left_out_is_the_reason_where_nothing_else_is_asked(record: Record) -> None:
    record.add("a quiet day in the harbour")
    record.add("a train was late")
    [hit] = record.search("-train").hits
    assert hit.why == "Holds nothing that you left out."


@pytest.mark.parametrize("q", ['"', "*", "#", "-", "--", "OR", "%", "_", "\\", "?!"])
def test_signs_alone_are_no_search_but_narrow_nothing_beside_a_filter(record: Record, q: str) -> None:
    record.add("a quiet day in the harbour")
    with pytest.raises(InputError, match="no words to look for"):
        record.search(q)
    assert len(record.search(q, language="en").hits) == 1


def test_signs_of_like_are_plain_in_a_substring_search(record: Record) -> None:
    record.add("停電100%です")
    record.add("停電1000です")
    record.add("停電_x\\yです")
    assert texts(record.search('"停電100%で"')) == ["停電100%です"]
    assert texts(record.search("停電100%で"))[0] == "停電100%です"
    assert texts(record.search('"電_x\\y"')) == ["停電_x\\yです"]


def test_words_rank_by_closeness_then_by_age(record: Record) -> None:
    record.add("outage", minute=1)
    record.add("outage again", minute=2)
    record.add("power came back after the long and tiring outage", minute=3)
    record.add("power outage", minute=0)
    both = ["power outage", "power came back after the long and tiring outage"]
    assert texts(record.search("power outage"))[:2] == both
    assert texts(record.search('"power" "outage"')) == both
    assert set(texts(record.search("outage", limit=2))) < {"outage", "outage again", "power outage"}


def test_quotes_or_and_minus_are_understood(record: Record) -> None:
    record.add("big power outage")
    record.add("outage of power")
    record.add("water cut")
    assert texts(record.search('"power outage"')) == ["big power outage"]
    assert texts(record.search("outage -big")) == ["outage of power"]
    assert len(texts(record.search("outage or water"))) == 3


@pytest.mark.parametrize(
    "q",
    [
        "'; DROP TABLE post; --",
        '"unclosed',
        "%",
        "%%(words)s {0} %s",
        "\\",
        "a & | ! <-> :* b",
        "((((",
        "!!!???...",
        "out\x00age",
        "\ud800",
        "--- - OR OR",
        "停電' OR 1=1 %_\\",
        "x" * 500,
        "🔥" * 500,
        "-" * 500,
        "- a" * 150,
        '-"' * 250,
        "a " * 250,
    ],
)
def test_hostile_searches_are_only_text(record: Record, embedder: Embedder, q: str) -> None:
    record.add("Power outage downtown")
    record.embed(embedder)
    for model in (embedder, OFF):
        result = record.search(q, model, feed="sky")  # signs alone would be refused
        assert result.mode == ("hybrid" if model is embedder else "text only")
    assert record.database.fetch(pending.COUNT)[0].count == 0


@pytest.mark.parametrize("q", ["x" * 501])
def test_the_length_of_a_search_is_bounded(q: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"q": q}, SearchInput)


@pytest.mark.parametrize("q", [" ", "\x00", "\n\t"])
def test_a_search_without_text_is_refused(record: Record, q: str) -> None:
    with pytest.raises(InputError, match="no words to look for"):
        record.search(q)


def test_without_postgresql_it_is_unavailable(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.store.database.POOL_WAIT_SECONDS", 0.2)
    record._url = "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises(StoreUnavailable):
        record.search("outage")
