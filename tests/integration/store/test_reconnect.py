"""A pool serves who waits as soon as the server is back, also who began to wait just before the pool gave up."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import sleep

import pytest

from shared.config.settings import Settings
from shared.errors import StoreUnavailable
from shared.schemas.base import Schema
from shared.store.database import POOL_WAIT_SECONDS, AsyncDatabase, Database, Statement
from tests.support.severable import Line, severable


class One(Schema, frozen=True):
    """A row."""

    one: int


ONE = Statement("SELECT 1 AS one", One)
#: The second client comes so long before the pool gives up on what it does for the first.
EARLIER_SECONDS = 0.7


class _MendsOnceGivenUp(logging.Handler):
    def __init__(self, line: Line) -> None:
        super().__init__(logging.WARNING)
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        if "reconnection attempt" in record.getMessage():
            threading.Timer(0.3, self._line.mend).start()


@contextmanager
def cut_until_the_pool_gives_up(url: str) -> Iterator[Settings]:
    """Settings that lead to a server which comes back right after that."""
    log = logging.getLogger("psycopg.pool")
    with severable(url) as (line, through):
        line.cut()
        mender = _MendsOnceGivenUp(line)
        log.addHandler(mender)
        try:
            yield Settings(postgres_url=through)
        finally:
            log.removeHandler(mender)


def test_who_waits_while_the_pool_gives_up_is_served(postgres_url: str) -> None:
    with cut_until_the_pool_gives_up(postgres_url) as settings, ThreadPoolExecutor() as clients:
        database = Database(settings, name="test", size=1)
        database.open()
        try:
            first = clients.submit(database.fetch, ONE)
            sleep(POOL_WAIT_SECONDS - EARLIER_SECONDS)
            second = clients.submit(database.fetch, ONE)
            with pytest.raises(StoreUnavailable):
                first.result()
            assert second.result() == [One(1)]
        finally:
            database.close()


def test_who_waits_in_an_event_loop_while_the_pool_gives_up_is_served(postgres_url: str) -> None:
    async def told(settings: Settings) -> None:
        database = AsyncDatabase(settings, name="test", size=1)
        await database.open()
        try:
            first = asyncio.create_task(database.fetch(ONE))
            await asyncio.sleep(POOL_WAIT_SECONDS - EARLIER_SECONDS)
            second = asyncio.create_task(database.fetch(ONE))
            with pytest.raises(StoreUnavailable):
                await first
            assert await second == [One(1)]
        finally:
            await database.close()

    with cut_until_the_pool_gives_up(postgres_url) as settings:
        asyncio.run(told(settings))
