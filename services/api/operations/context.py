"""What an operation may use, and who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from services.api.operations.queries import SearchInput
from services.api.operations.watch_queries import BacktestInput
from shared.config.settings import Settings
from shared.schemas.backtest import Backtest
from shared.schemas.search import SearchResult
from shared.store.database import AsyncDatabase


class Actor(msgspec.Struct, frozen=True):
    """Who asks. The one operator may do everything; agents will hold narrower scopes."""

    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether this actor holds ``scope``."""
        return "*" in self.scopes or scope in self.scopes


OPERATOR = Actor("operator", frozenset({"*"}))


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What lives as long as the process. Injected, so that tests give their own.

    ``vectors_stored`` gives ``None`` when the index cannot say.
    """

    settings: Settings
    database: AsyncDatabase
    search: Callable[[AsyncDatabase, SearchInput], Awaitable[SearchResult]]
    vectors_stored: Callable[[], Awaitable[int | None]]
    backtest: Callable[[BacktestInput], Awaitable[Backtest]]


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """One call: who asks, under which request id."""

    services: Services
    actor: Actor
    request: str
