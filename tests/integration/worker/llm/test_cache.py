"""What was answered before costs nothing, and is never the answer to another question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.worker.llm.cache import AGAIN, Caching
from services.worker.llm.request import Answer, Message, Reply, Request
from shared.config.settings import Settings
from shared.errors import ModelUnavailable
from shared.schemas.base import Schema
from shared.store.database import AsyncDatabase, Command, Database, Statement
from tests.support.fake_llm import Fake
from tests.support.llm import CALLS, model, open_gateway, request

SMALL = model("openai/small", tier="small")
Story = Callable[[Caching], Awaitable[Any]]


class Day(Schema, frozen=True, kw_only=True):
    kind: str
    hits: int
    misses: int
    saved_nano_usd: int


class Shown(Schema, frozen=True, kw_only=True):
    question: str
    hits: int


DAYS = Statement("SELECT kind, hits, misses, saved_nano_usd FROM llm_cache_day ORDER BY kind", Day)
KEPT = Statement("SELECT question, hits FROM llm_cache ORDER BY made_at", Shown)


@pytest.fixture
def play(postgres_url: str, fake: Fake) -> Callable[..., Any]:
    def run(story: Story, hours: float = 24.0, url: str = postgres_url) -> Any:
        async def told() -> Any:
            database = AsyncDatabase(Settings(postgres_url=url), name="cache", size=2)
            await database.open()
            try:
                async with open_gateway(postgres_url, fake.url, (SMALL,)) as (gateway, _):
                    return await story(Caching(gateway, database, hours))
            finally:
                await database.close()

        return asyncio.run(told())

    return run


class Heard:
    """Pieces of an answer, after the name of who gives it."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def begin(self, model: str) -> None:
        self.all = [model]

    def text(self, piece: str) -> None:
        self.all.append(piece)


class Cut:
    """A gateway whose answers end for want of tokens."""

    async def complete(self, request: Request, **_: object) -> Answer:
        reply = Reply(text="The tide is", stop="length")
        return Answer(reply=reply, model="m", tier="t", reason="", attempts=1, cost_nano_usd=5)


def test_the_same_request_is_answered_again_at_no_cost(
    play: Callable[..., Any], fake: Fake, database: Database
) -> None:
    heard = Heard()

    async def story(caching: Caching) -> tuple[Answer, Answer]:
        return await caching.complete(request()), await caching.complete(request(), listener=heard)

    first, again = play(story)
    assert first.cost_nano_usd > 0
    assert not first.cached
    assert (again.reply.text, again.model) == (first.reply.text, first.model)
    assert (again.cost_nano_usd, again.attempts, again.cached, again.reason) == (0, 0, True, AGAIN)
    assert heard.all == [first.model, first.reply.text]
    # and the provider, the ledger and the figures say so
    assert len(fake.attempts) == len(database.fetch(CALLS)) == 1
    assert database.fetch(DAYS) == [Day(kind="exact", hits=1, misses=1, saved_nano_usd=first.cost_nano_usd)]
    assert database.fetch(KEPT) == [Shown(question="What is the tide?", hits=1)]


NEAR = {
    "a number": request("How many posts in 24 hours?"),
    "a negation": request("Which posts are not about 12 hours?"),
    "a name": request("Posts about Lisbon in 12 hours?"),
    "case": request("how many posts in 12 hours?"),
    "a space": request("How many  posts in 12 hours?"),
    "the tenant": request("How many posts in 12 hours?", tenant="other"),
    "the system": request("How many posts in 12 hours?", system="Be brief."),
    "the temperature": request("How many posts in 12 hours?", temperature=0.5),
    "the length": request("How many posts in 12 hours?", max_tokens=100),
    "what came before": Request(
        agent="scout",
        max_tokens=200,
        least_tokens=50,
        messages=(
            Message(role="user", text="Hello"),
            Message(role="assistant", text="Yes"),
            Message(role="user", text="How many posts in 12 hours?"),
        ),
    ),
}


def test_a_near_miss_is_another_question(play: Callable[..., Any], fake: Fake) -> None:
    async def story(caching: Caching) -> list[Answer]:
        await caching.complete(request("How many posts in 12 hours?"))
        return [await caching.complete(near) for near in NEAR.values()]

    answers = play(story)
    assert [name for name, answer in zip(NEAR, answers, strict=True) if answer.cached] == []
    assert len(fake.attempts) == 1 + len(NEAR)


def greeting(city: str, times: str = "3", **about: Any) -> Request:
    return request("Greet ⟦city⟧ ⟦times⟧ times.", places={"city": city, "times": times}, **about)


def test_one_answer_serves_every_value_and_the_model_sees_none(
    play: Callable[..., Any], fake: Fake, database: Database
) -> None:
    fake.control(say="Hello ⟦city⟧, ⟦times⟧ times: ⟦city⟧!")
    heard = Heard()

    async def story(caching: Caching) -> list[Answer]:
        return [
            await caching.complete(greeting("Lisbon"), listener=heard),
            await caching.complete(greeting("not Porto", "4")),
            await caching.complete(greeting("⟦times⟧", "nobody")),
        ]

    answers = play(story)
    assert [answer.reply.text for answer in answers] == [
        "Hello Lisbon, 3 times: Lisbon!",
        "Hello not Porto, 4 times: not Porto!",
        "Hello ⟦times⟧, nobody times: ⟦times⟧!",
    ]
    assert [answer.cached for answer in answers] == [False, True, True]
    assert heard.all == [answers[0].model, "Hello Lisbon, 3 times: Lisbon!"]
    assert len(fake.attempts) == 1
    assert [row.kind for row in database.fetch(DAYS)] == ["template"]


def test_an_answer_that_spoils_its_places_is_not_given(play: Callable[..., Any], fake: Fake) -> None:
    fake.control(say="Hello Lisbon, ⟦times⟧ times!")

    async def story(caching: Caching) -> None:
        with pytest.raises(ModelUnavailable) as told:
            await caching.complete(greeting("Lisbon"))
        assert "left out the places city" in told.value.why

    play(story)


def test_what_breaks_the_contract_is_forgotten(play: Callable[..., Any], fake: Fake, database: Database) -> None:
    fake.control(say="Once.")

    def never(reply: Reply) -> str | None:
        return "not again" if reply.text == "Once." else None

    async def story(caching: Caching) -> Answer:
        await caching.complete(request())
        fake.control(say="Twice.")
        return await caching.complete(request(), contract=never)

    answer = play(story)
    assert (answer.reply.text, answer.cached) == ("Twice.", False)
    assert database.fetch(DAYS)[0].hits == 0


def test_asked_anew_turned_off_or_old_it_is_asked_again(
    play: Callable[..., Any], fake: Fake, database: Database
) -> None:
    async def fresh(caching: Caching) -> list[bool]:
        answers = [await caching.complete(request(fresh=fresh)) for fresh in (False, True, False)]
        return [answer.cached for answer in answers]

    assert play(fresh) == [False, False, True]

    async def twice(caching: Caching) -> bool:
        await caching.complete(request("Off?"))
        return (await caching.complete(request("Off?"))).cached

    assert play(twice, hours=0) is False
    database.execute(Command("UPDATE llm_cache SET expires_at = now()"))

    async def late(caching: Caching) -> bool:
        answer = (await caching.complete(request())).cached
        await caching.sweep()
        return answer

    assert play(late) is False
    database.execute(Command("UPDATE llm_cache SET expires_at = now()"))

    async def sweep(caching: Caching) -> None:
        await caching.sweep()

    play(sweep)
    assert database.fetch(KEPT) == []


def test_an_answer_that_was_cut_short_is_not_kept(postgres_url: str, database: Database) -> None:
    async def story() -> Answer:
        store = AsyncDatabase(Settings(postgres_url=postgres_url), name="cache", size=1)
        await store.open()
        try:
            return await Caching(Cut(), store, 24).complete(request())
        finally:
            await store.close()

    assert asyncio.run(story()).reply.stop == "length"
    assert database.fetch(KEPT) == []


def test_without_postgresql_it_only_passes_on(
    play: Callable[..., Any], fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.store.database.POOL_WAIT_SECONDS", 0.2)

    async def story(caching: Caching) -> list[bool]:
        return [(await caching.complete(request())).cached for _ in range(2)]

    assert play(story, url="postgresql://nobody@127.0.0.1:1/none") == [False, False]
    assert len(fake.attempts) == 2
