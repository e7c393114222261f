"""What an operation may use, and who asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from services.api.operations.queries import SearchInput
from services.api.operations.rates import Rates
from services.api.operations.watch_queries import BacktestInput
from shared.config.settings import Settings
from shared.schemas.backtest import Backtest
from shared.schemas.search import SearchResult
from shared.store.analysis_reader import AnalysisReader
from shared.store.database import AsyncDatabase

#: operator: whoever holds the owner's token; person: somebody who signed in, within a role; script: a program of
#: theirs; agent: a language model decides what is called.
ActorKind = Literal["operator", "person", "script", "agent"]
Door = Literal["rest", "cli", "mcp"]


class Actor(msgspec.Struct, frozen=True):
    """Who asks. ``tainted``: an agent that has read what strangers wrote. ``token``: the row that it came with."""

    name: str
    scopes: frozenset[str]
    kind: ActorKind = "operator"
    tainted: bool = False
    token: str | None = None


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
    analysis: AnalysisReader
    #: All there are (``catalogue.py``), for the operations that tell of operations.
    operations: tuple[Any, ...] = ()
    rates: Rates = msgspec.field(default_factory=Rates)


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """One call: who asks, through which door, under which request id; ``key`` makes one call of many tries."""

    services: Services
    actor: Actor
    request: str
    door: Door = "rest"
    key: str | None = None
