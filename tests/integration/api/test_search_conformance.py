"""One suite over every way a search can be answered: the same questions, filters and pages, the same answers.

The model here gives each text the direction of what it is about, so that nearness is known and what an index adds
can be told apart. Without model or index the words alone must obey the same rules.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar
from uuid import UUID

import msgspec
import numpy as np
import pytest

from services.api.operations.queries import SearchInput
from services.api.operations.search import search
from services.api.operations.search_coverage import Coverage
from services.api.operations.search_meaning import Eye
from services.api.operations.search_yardstick import EVERYDAY
from shared.config.settings import Settings
from shared.contracts.ids import author_hash, post_id
from shared.embedding.null import NullEmbedder
from shared.errors import EmbedderUnavailable, IndexUnavailable, InputError, NotFound
from shared.features.fingerprint import fingerprint_of
from shared.schemas.search import SearchResult
from shared.schemas.vector import DIMENSION, Vectors
from shared.store.database import AsyncDatabase, Command, Database
from shared.vectors.index import Entry, Filter, Match, VectorIndex
from shared.vectors.memory import MemoryIndex
from shared.vectors.pgvector import PgvectorIndex
from shared.vectors.qdrant import QdrantIndex, connect
from tests.support.qdrant_server import qdrant_server

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
Result = TypeVar("Result")

#: Words of one direction mean the same, whatever language they are of.
ABOUT = {
    "outage": 0, "blackout": 0, "apagão": 0, "停電": 0, "dark": 0,
    "cat": 1, "gato": 1, "猫": 1, "kitten": 1,
    "rain": 2, "chuva": 2, "雨": 2, "umbrella": 2,
}  # fmt: skip


class Sense:
    """Texts about the same thing lie close together; a text's own letters move it a little."""

    model, reason = "sense", "for tests"

    def __init__(self) -> None:
        self.available = True
        self.broken = False

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        if self.broken:
            raise EmbedderUnavailable("The model broke.")
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Vectors:
        vector = np.zeros(DIMENSION, dtype=np.float32)
        known = {place for word, place in ABOUT.items() if word in text.lower()}
        vector[3] = 1.0
        for place in known:
            vector[place] = 2.0
        own = np.random.default_rng(sum(text.encode()) + len(text)).normal(size=DIMENSION - 8).astype(np.float32)
        vector[8:] = own * (0.5 if text in EVERYDAY else 0.25) / np.linalg.norm(own)
        return vector / np.float32(np.linalg.norm(vector))


ADD = Command(
    """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages, tags, links, fingerprint)
       VALUES (%(id)s, %(feed)s, %(uri)s, %(author)s, %(hash)s, %(time)s, %(text)s, %(languages)s, %(tags)s, %(links)s,
               %(fingerprint)s)"""
)


class World:
    """A record, an index and a model, and searches over them."""

    def __init__(self, database: Database, url: str, index: VectorIndex | None) -> None:
        self.database, self._url = database, url
        self.index: VectorIndex = index or MemoryIndex()
        self.sense: Sense | NullEmbedder = Sense() if index else NullEmbedder("turned off")
        self.has_meaning = index is not None
        self._lock = threading.Lock()
        self.index.ensure("sense")
        for feed in ("sky", "nostr"):
            database.execute(
                Command("INSERT INTO feed (id, kind, url) VALUES (%(feed)s, 'jetstream', '')"), {"feed": feed}
            )

    def add(
        self,
        text: str,
        *,
        minute: float = 0,
        language: str = "en",
        feed: str = "sky",
        author: str = "did:plc:someone",
        tags: Sequence[str] = (),
        links: Sequence[str] = (),
        embedded: bool = True,
        copies: bool = False,
    ) -> UUID:
        uri = f"at://{author}/post/{minute}-{text[:60]}"
        post, time = post_id(uri), NOON + timedelta(minutes=minute)
        params = {
            "id": post, "feed": feed, "uri": uri, "author": author, "hash": author_hash(author), "time": time,
            "text": text, "languages": [language], "tags": list(tags), "links": list(links),
            "fingerprint": fingerprint_of(text) if copies else 0,
        }  # fmt: skip
        with self._lock:
            self.database.execute(ADD, params)
            entry = Entry(post, feed, time, (language,), author_hash(author), bool(links))
            if embedded and self.has_meaning:
                self.index.upsert("sense", [entry], Sense().embed([text], "passage"))
        return post

    def delete(self, post: UUID) -> None:
        """As an author does: the record forgets at once, the index later."""
        self.database.execute(Command("UPDATE post SET deleted_at = now(), text = '' WHERE id = %(id)s"), {"id": post})

    def ask(self, q: str = "", **given: object) -> SearchResult:
        query = msgspec.convert({"q": q, **given}, SearchInput)
        eye, coverage = Eye(self.index, self.sense), Coverage(self.index, self.sense)
        return self.run(lambda database: search(database, eye, query, coverage))

    def texts(self, q: str = "", **given: object) -> list[str]:
        return [hit.post.text for hit in self.ask(q, **given).hits]

    def pages(self, q: str = "", between: Callable[[int], None] = lambda page: None, **given: object) -> list[str]:
        """The ids of all pages; ``between`` happens after each."""
        found: list[str] = []
        cursor, page = None, 0
        while True:
            answer = self.ask(q, **given, **({} if cursor is None else {"cursor": cursor}))
            found += [hit.post.id for hit in answer.hits]
            cursor = answer.next
            if cursor is None:
                return found
            page += 1
            assert page < 200
            between(page)

    def run(self, work: Callable[[AsyncDatabase], Awaitable[Result]]) -> Result:
        async def main() -> Result:
            database = AsyncDatabase(Settings(postgres_url=self._url), name="test", size=4)
            await database.open()
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(main())


@pytest.fixture(params=["memory", "pgvector", "qdrant", "text only"])
def world(request: pytest.FixtureRequest, database: Database, postgres_url: str) -> Iterator[World]:
    if request.param == "qdrant":
        with qdrant_server() as server:
            client = connect(server.url, "")
            yield World(database, postgres_url, QdrantIndex(client))
            client.close()
        return
    made: dict[str, VectorIndex | None] = {
        "memory": MemoryIndex(),
        "pgvector": PgvectorIndex(database),
        "text only": None,
    }
    yield World(database, postgres_url, made[request.param])


class Away:
    """An index that is there or not, as told."""

    def __init__(self, index: VectorIndex) -> None:
        self._index, self.away = index, False

    def __getattr__(self, name: str) -> object:
        return getattr(self._index, name)

    def search(self, model: str, vector: Vectors, limit: int, where: Filter) -> list[Match]:
        if self.away:
            raise IndexUnavailable("The index is away.")
        return self._index.search(model, vector, limit, where)


def test_the_mode_is_told(world: World) -> None:
    world.add("outage downtown")
    answer = world.ask("outage")
    assert answer.mode == ("hybrid" if world.has_meaning else "text only")
    assert (answer.reason is None) == world.has_meaning
    assert answer.meaning_since == NOON
    assert [hit.post.text for hit in answer.hits] == ["outage downtown"]


#: Searches and what they find.
AS_WRITTEN: list[tuple[str, set[str]]] = [
    ("Marché", {"le marche", "Au MARCHÉ ce matin"}),
    ("marche", {"le marche", "Au MARCHÉ ce matin"}),
    ("МОСКВА", {"москва сегодня"}),
    ("apagon", {"¿Apagón?"}),
    ("c++", {"learning C++ today"}),
    ("it’s", {"it's over"}),
    ("it's", {"it's over"}),
    ("pingo", {"Pingo落ちてる"}),
    ("落ち", {"Pingo落ちてる"}),
    ("猫", {"黒い猫です"}),
    ("黒い猫", {"黒い猫です"}),
    ("🔥", {"fire🔥"}),
    ("서울", {"서울에서 만나요"}),
    ("#ElbeFlood", {"water #elbeflood", "no sign in the text"}),
    ("$TSLA", {"buy $TSLA now"}),
    ("tesl*", {"tesla is not tsla"}),
    ('"no sign"', {"no sign in the text"}),
    ('"sign no"', set()),
    ("marche OR москва", {"le marche", "Au MARCHÉ ce matin", "москва сегодня"}),
    ("marche -matin", {"le marche"}),
    ('marche -"ce matin"', {"le marche"}),
    ("water -#elbeflood", set()),
    ("news.example", {"read https://news.example/a"}),
]


def test_words_are_found_as_people_write_them(world: World) -> None:
    for text in (
        "le marche", "Au MARCHÉ ce matin", "москва сегодня", "¿Apagón?", "learning C++ today", "c is a letter",
        "it's over", "Pingo落ちてる", "黒い猫です", "fire🔥", "서울에서 만나요", "water #elbeflood",
        "elbeflood without it", "buy $TSLA now", "tesla is not tsla", "read https://news.example/a",
    ):  # fmt: skip
        world.add(text, embedded=False)
    world.add("no sign in the text", tags=["ElbeFlood"], embedded=False)
    for sort in ("relevance", "time"):
        answers = [(q, set(world.texts(q, sort=sort))) for q, _ in AS_WRITTEN]
        assert answers == AS_WRITTEN, sort


def fill(world: World) -> None:
    world.add("outage one", minute=0, language="en", author="did:plc:a")
    world.add("outage two", minute=1, language="pt-BR", feed="nostr", author="did:plc:b", links=["https://a.example/x"])
    world.add("outage three", minute=2, language="pt", author="did:plc:a", links=["https://b.example/y"])
    world.add("gato cat", minute=2, language="pt", author="did:plc:c")


#: Filters, and the last words of the posts that meet them.
FILTERED: list[tuple[dict[str, object], set[str]]] = [
    ({"language": "pt"}, {"two", "three"}),
    ({"language": "PT-br"}, {"two"}),
    ({"language": "de"}, set()),
    ({"feed": "nostr"}, {"two"}),
    ({"author": "did:plc:a"}, {"one", "three"}),
    ({"author": "did:plc:none"}, set()),
    ({"linked": True}, {"two", "three"}),
    ({"linked": False}, {"one"}),
    ({"since": NOON + timedelta(minutes=1)}, {"two", "three"}),
    ({"until": NOON + timedelta(minutes=1)}, {"one"}),
    ({"since": NOON + timedelta(minutes=1), "until": NOON + timedelta(minutes=2)}, {"two"}),
    ({"topic": "storm"}, {"one", "two"}),
    ({"topic": "storm", "language": "pt", "linked": True}, {"two"}),
    ({"topic": "unknown"}, set()),
]


@pytest.mark.parametrize("q", ["outage", ""])
def test_filters_hold_for_all_that_is_found(world: World, q: str) -> None:
    fill(world)
    world.database.execute(
        Command(
            """WITH made AS (
                 INSERT INTO topic (id, label, terms, status, score, posts_hour, authors_hour, usual_hour, ratio,
                                    provisional, began_at, detected_at, updated_at, languages, why, representatives)
                 VALUES ('storm', 'storm', '{}', 'rising', 1, 1, 1, 1, 1, false, now(), now(), now(), '{}', '', '{}')
                 RETURNING id)
               INSERT INTO topic_post (topic, post, event_time)
               SELECT made.id, post.id, event_time FROM made, post WHERE text IN ('outage one', 'outage two')"""
        )
    )
    for sort in ("relevance", "time"):
        answers = [(filters, world.ask(q, sort=sort, **filters)) for filters, _ in FILTERED]
        held = [(f, {hit.post.text.split()[-1] for hit in answer.hits} - {"cat"}) for f, answer in answers]
        assert held == FILTERED, sort
        assert q or all(answer.sort == "time" for _, answer in answers)


def test_meaning_finds_what_words_do_not(world: World) -> None:
    world.add("the whole street is dark", minute=1)
    world.add("apagão no bairro", minute=2)
    world.add("my umbrella", minute=3)
    found = world.ask("blackout")
    assert {hit.post.text for hit in found.hits} == (
        {"the whole street is dark", "apagão no bairro"} if world.has_meaning else set()
    )
    assert all(hit.matched == ["meaning"] and hit.why == "Close in meaning to what you asked." for hit in found.hits)


def test_what_is_asked_for_with_a_sign_holds_for_meaning_too(world: World) -> None:
    world.add("dark street tonight", minute=1)
    world.add("blackout tonight", minute=2)
    assert "dark street tonight" not in world.texts('"blackout"')
    assert world.texts("blackout -tonight") == []
    assert world.texts("-tonight -street") == []
    assert world.texts("-street") == ["blackout tonight"]
    assert world.ask("-street").sort == "time"


def test_more_like_a_post(world: World) -> None:
    chosen = world.add("huge blackout across the old harbour", minute=1)
    alike = world.add("huge blackout around the old harbour", minute=2)
    world.add("my umbrella is lost", minute=3)
    answer = world.ask(like=str(chosen))
    assert [hit.post.id for hit in answer.hits] == [str(alike)]
    assert "the post you chose" in answer.hits[0].why
    assert world.texts("around", like=str(chosen)) == ["huge blackout around the old harbour"]
    assert world.texts("umbrella", like=str(chosen), language="en") in ([], ["my umbrella is lost"])
    world.delete(chosen)
    with pytest.raises(NotFound, match="compare with"):
        world.ask(like=str(chosen))


def test_by_time_the_pages_go_on_past_the_post_that_is_compared_with(world: World) -> None:
    """It is among the posts with the words, and its place on a page is not one that a page may count on."""
    posts = [world.add(f"Rain number {minute}", minute=minute) for minute in range(12)]
    like = posts[9]
    found = world.pages("rain", like=str(like), sort="time", limit=4)
    assert found == [str(post) for post in reversed(posts) if post != like]


def test_near_copies_stand_behind_one_of_them(world: World) -> None:
    for minute in range(8):
        world.add("the same outage text for everybody to read", minute=minute, copies=True)
    world.add("outage of another kind", minute=9, copies=True)
    answer = world.ask("outage")
    assert sorted((hit.post.text.split()[0], hit.alike) for hit in answer.hits) == [("outage", 0), ("the", 7)]
    assert len(world.texts("outage", fold=False)) == 9
    assert len(world.texts("outage", sort="time")) == 9


def test_a_copy_takes_the_place_of_one_that_went(world: World) -> None:
    copies = [world.add("the same outage text for everybody to read", minute=m, copies=True) for m in range(5)]
    world.add("outage of another kind", minute=9, copies=True)
    first = world.ask("outage", limit=1)
    for copy in copies[:4]:  # whichever stands for the rest but one: two are kept in its place
        world.delete(copy)
    rest = world.pages("outage", limit=1)
    assert len(rest) == 2
    assert first.next is not None
    world.ask("outage", limit=1, cursor=first.next)


@pytest.mark.parametrize("sort", ["relevance", "time"])
def test_pages_neither_repeat_nor_skip_while_posts_come_and_go(world: World, sort: str) -> None:
    chance = random.Random(5)
    there = [world.add(f"outage {n} {'cat' if n % 3 else 'rain'}", minute=n, embedded=n % 4 > 0) for n in range(30)]
    doomed = chance.sample(there, 5)

    def meanwhile(page: int) -> None:
        for n in range(4):
            world.add(f"outage outage new {page} {n}", minute=chance.choice([n, 30.5 + page, 100 + page]))
        world.delete(doomed[page % len(doomed)])
        if world.has_meaning:
            waiting = there[chance.randrange(30)]
            entry = Entry(waiting, "sky", NOON, ("en",), author_hash("did:plc:someone"))
            world.index.upsert("sense", [entry], Sense().embed(["outage"], "passage"))

    found = world.pages("outage", meanwhile, limit=8, sort=sort)
    assert len(set(found)) == len(found)
    assert {str(post) for post in there} - {str(post) for post in doomed} <= set(found)
    if sort == "relevance":
        assert set(found) <= {str(post) for post in there}


def test_pages_are_stable_beside_a_concurrent_ingest(world: World) -> None:
    there = {str(world.add(f"outage {n}", minute=n)) for n in range(24)}
    stop = threading.Event()

    def ingest() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            world.add(f"outage fresh {n}", minute=1000 + n)

    # Qdrant's local mode and the index in memory are not made for several writers and readers at once.
    if not isinstance(world.index, PgvectorIndex):
        pytest.skip("only a server's index takes both at once")
    thread = threading.Thread(target=ingest)
    thread.start()
    try:
        for sort in ("relevance", "time"):
            found = world.pages("outage", limit=8, sort=sort)
            assert len(set(found)) == len(found)
            assert sort == "relevance" or there <= set(found)
    finally:
        stop.set()
        thread.join()


def test_by_time_everything_that_holds_the_words_comes_in_order(world: World) -> None:
    there = [world.add(f"umbrella {n}", minute=n % 20) for n in range(90)]
    found = world.ask("umbrella", sort="time", limit=40)
    times = [(hit.post.time, UUID(hit.post.id)) for hit in found.hits]
    assert times == sorted(times, reverse=True)
    assert sorted(world.pages("umbrella", sort="time", limit=40)) == sorted(map(str, there))
    assert sorted(world.pages("", feed="sky", limit=40)) == sorted(map(str, there))


@pytest.mark.parametrize("sort", ["relevance", "time"])
def test_pages_go_on_when_model_and_index_leave_in_the_middle(world: World, sort: str) -> None:
    expected = [world.add(f"outage {n}", minute=n) for n in range(30)]
    away = Away(world.index)
    world.index = away  # type: ignore[assignment]

    def leave(page: int) -> None:
        away.away = True
        if isinstance(world.sense, Sense):
            world.sense.broken = True

    found = world.pages("outage", leave, limit=8, sort=sort)
    assert sorted(found) == sorted(map(str, expected))
    after = world.ask("outage")
    assert after.mode == "text only"
    assert len(after.hits) == 20


def test_a_cursor_belongs_to_its_search(world: World) -> None:
    for n in range(5):
        world.add(f"outage {n}", minute=n)
    cursor = world.ask("outage", limit=2).next
    assert cursor is not None
    assert len(world.ask("outage", limit=5, cursor=cursor).hits) == 3
    for q, given in (
        ("outage", {"cursor": cursor, "language": "en"}),
        ("rain", {"cursor": cursor}),
        ("outage", {"cursor": cursor[:-2]}),
        ("outage", {"cursor": "AAAA" + cursor[4:]}),
        ("outage", {"cursor": cursor + "!"}),
        ("outage", {"cursor": "'; DROP TABLE post; --"}),
        ("outage", {"cursor": "é"}),
    ):
        with pytest.raises(InputError, match="cursor"):
            world.ask(q, **given)


def test_highlights_are_places_in_the_text_as_it_is_shown(world: World) -> None:
    world.add("🔥🔥 Apagão: o APAGAO voltou, apagãozinho", minute=1)
    hit = world.ask("apagao").hits[0]
    assert [hit.post.text[start:end] for start, end in hit.highlights] == ["Apagão", "APAGAO"]
    assert hit.why.startswith("Holds ‘apagao’")


def test_nothing_is_found_where_nothing_is(world: World) -> None:
    world.add("outage")
    answer = world.ask("xqzvk")
    assert (answer.hits, answer.next) == ([], None)
    with pytest.raises(InputError, match="empty"):
        world.ask("")
    with pytest.raises(InputError, match="empty"):
        world.ask(" ", sort="time")
