"""Results that left a context, in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from services.worker.llm.results import MOST_READ, StoredResults
from shared.config.settings import Settings
from shared.errors import NotFound
from shared.store.database import AsyncDatabase, Command, Database

RUN = uuid4()


def play(url: str, story: Callable[[StoredResults, AsyncDatabase], Awaitable[None]], run: UUID = RUN) -> None:
    async def told() -> None:
        database = AsyncDatabase(Settings(postgres_url=url), name="results", size=1)
        await database.open()
        try:
            await story(StoredResults(database, run), database)
        finally:
            await database.close()

    asyncio.run(told())


@pytest.fixture(autouse=True)
def _run(database: Database) -> None:
    database.execute(
        Command("INSERT INTO run (id, kind, topic, title) VALUES (%(run)s, 'briefing', 'storm', 'Storm')"), {"run": RUN}
    )


def test_what_is_kept_is_read_in_parts_and_has_one_number(postgres_url: str) -> None:
    async def story(results: StoredResults, _: AsyncDatabase) -> None:
        long = "".join(chr(0x4E00 + n % 5_000) for n in range(20_000))
        assert await results.keep("search", "first") == "r1"
        assert await results.keep("search", long) == "r2"
        assert await results.keep("search", "first") == "r1"
        assert await results.keep("other", "first") == "r3"
        assert await results.read("r1") == "first"
        assert await results.read("r2", 5_000, 7) == long[5_000:5_007]
        assert await results.read("r2", 0, 10**6) == long[:MOST_READ]
        assert await results.read("r2", 30_000) == ""

    play(postgres_url, story)


@pytest.mark.parametrize("reference", ["r9", "r0", "9", "", "r-1", "r99999999999999", "r1; DROP TABLE run", "r²"])
def test_an_unknown_reference_is_told(postgres_url: str, reference: str) -> None:
    async def story(results: StoredResults, _: AsyncDatabase) -> None:
        await results.keep("search", "first")
        with pytest.raises(NotFound):
            await results.read(reference)

    play(postgres_url, story)


def test_what_postgresql_cannot_hold_is_replaced(postgres_url: str) -> None:
    async def story(results: StoredResults, _: AsyncDatabase) -> None:
        assert await results.read(await results.keep("x", "a\0b\ud800c")) == "a\ufffdb?c"

    play(postgres_url, story)


def test_results_go_with_their_run_and_are_its_own(postgres_url: str, database: Database) -> None:
    async def story(results: StoredResults, store: AsyncDatabase) -> None:
        await results.keep("x", "mine")
        with pytest.raises(NotFound):
            await StoredResults(store, uuid4()).read("r1")
        database.execute(Command("DELETE FROM run WHERE id = %(run)s"), {"run": RUN})
        with pytest.raises(NotFound):
            await results.read("r1")

    play(postgres_url, story)
