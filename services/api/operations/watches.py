"""Watches: what the operator waits for, and what a rule would have found in the past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from services.api.operations.context import Context
from services.api.operations.names import is_visible, plain_name
from services.api.operations.registry import NoInput, operation
from services.api.operations.watch_queries import (
    BacktestInput,
    ChangeWatchInput,
    NewWatch,
    SnoozeInput,
    WatchBacktestInput,
    WatchInput,
)
from shared.errors import ConflictError, InputError, NotFound
from shared.schemas.backtest import Backtest
from shared.schemas.watch import WATCHES_MOST, Removed, Watch, WatchList, WatchRule
from shared.store import watches as store
from shared.store.database import AsyncTransaction

#: Times beyond are a mistake, and may be none that Python can tell in another zone.
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


@operation("/api/v1/watches", scope="watches:read", toolset="watches", taints=True, core=True)
async def watches(context: Context, _: NoInput) -> WatchList:
    """All watches by name, with how each is doing."""
    return WatchList(watches=[row.watch() for row in await context.services.database.fetch(store.ALL)])


@operation(
    "/api/v1/watches",
    method="POST",
    scope="watches:write",
    effect="write",
    status=201,
    toolset="watches",
    taints=True,
    core=True,
)
async def create_watch(context: Context, new: NewWatch) -> Watch:
    """Save a watch. It reads the days before for what is usual, and alerts from the present on."""
    check_rule(new.rule)
    async with context.services.database.transaction() as transaction:
        await transaction.execute(store.LOCK)
        count = await transaction.fetch_one(store.COUNT)
        if count and count.count >= WATCHES_MOST:
            raise ConflictError(f"There are {WATCHES_MOST} watches already.", do="Remove one first.")
        await _check_destinations(transaction, new.destinations)
        await _check_feeds(transaction, new.rule)
        row = {"name": plain_name(new.name), "rule": _json(new.rule), "destinations": new.destinations}
        made = await transaction.fetch_one(store.CREATE, row)
        assert made is not None  # noqa: S101 - INSERT ... RETURNING gives its row
        return await read_watch(transaction, made.id)


@operation("/api/v1/watches/{watch}", scope="watches:read", toolset="watches", taints=True)
async def watch(context: Context, query: WatchInput) -> Watch:
    """One watch."""
    async with context.services.database.transaction() as transaction:
        return await read_watch(transaction, query.watch)


@operation(
    "/api/v1/watches/{watch}",
    method="PATCH",
    scope="watches:write",
    effect="write",
    toolset="watches",
    taints=True,
    idempotent=True,
)
async def change_watch(context: Context, change: ChangeWatchInput) -> Watch:
    """Change what is given. A new rule begins anew; what happens while a watch is paused is not told later."""
    async with context.services.database.transaction() as transaction:
        if await transaction.fetch_one(store.HOLD, {"watch": change.watch}) is None:
            raise _absent()
        if not isinstance(change.name, msgspec.UnsetType):
            await transaction.execute(store.RENAME, {"watch": change.watch, "name": plain_name(change.name)})
        if not isinstance(change.destinations, msgspec.UnsetType):
            await _check_destinations(transaction, change.destinations)
            await transaction.execute(store.SEND_TO, {"watch": change.watch, "destinations": list(change.destinations)})
        if not isinstance(change.rule, msgspec.UnsetType):
            check_rule(change.rule)
            await _check_feeds(transaction, change.rule)
            await transaction.execute(store.REWRITE, {"watch": change.watch, "rule": _json(change.rule)})
        if not isinstance(change.paused, msgspec.UnsetType):
            await transaction.execute(store.PAUSE if change.paused else store.RESUME, {"watch": change.watch})
        return await read_watch(transaction, change.watch)


@operation(
    "/api/v1/watches/{watch}",
    method="DELETE",
    scope="watches:write",
    effect="destroy",
    toolset="watches",
    taints=False,
    idempotent=True,
)
async def remove_watch(context: Context, query: WatchInput) -> Removed:
    """Remove a watch and its alerts."""
    gone = await context.services.database.fetch_one(store.REMOVE, {"watch": query.watch})
    if gone is None:
        raise _absent()
    return Removed(id=gone.id)


@operation(
    "/api/v1/watches/{watch}/snooze",
    method="POST",
    scope="watches:write",
    effect="write",
    toolset="watches",
    taints=True,
    idempotent=True,
)
async def snooze_watch(context: Context, query: SnoozeInput) -> Watch:
    """No alerts about what happens until then. An episode that still goes on afterwards is told."""
    if (query.minutes is None) == (query.until is None):
        raise InputError("The request is not valid.", why="Give either `minutes` or `until`.")
    _check_times(until=query.until)
    async with context.services.database.transaction() as transaction:
        until = {"watch": query.watch, "minutes": query.minutes or 0, "until": query.until}
        if not await transaction.execute(store.SNOOZE, until):
            raise _absent()
        return await read_watch(transaction, query.watch)


@operation(
    "/api/v1/watches/{watch}/wake",
    method="POST",
    scope="watches:write",
    effect="write",
    toolset="watches",
    taints=True,
    idempotent=True,
)
async def wake_watch(context: Context, query: WatchInput) -> Watch:
    """End a snooze."""
    async with context.services.database.transaction() as transaction:
        if not await transaction.execute(store.WAKE, {"watch": query.watch}):
            raise _absent()
        return await read_watch(transaction, query.watch)


@operation(
    "/api/v1/watches/backtest",
    method="POST",
    scope="watches:read",
    toolset="watches",
    taints=True,
    core=True,
    heavy=True,
)
async def backtest_rule(context: Context, query: BacktestInput) -> Backtest:
    """What a rule would have done in a period, from stored posts. Nothing is saved or sent."""
    check_rule(query.rule)
    _check_times(start=query.start, end=query.end)
    return await context.services.backtest(query)


@operation(
    "/api/v1/watches/{watch}/backtest", method="POST", scope="watches:read", toolset="watches", taints=True, heavy=True
)
async def backtest_watch(context: Context, query: WatchBacktestInput) -> Backtest:
    """What a saved watch would have done in a period, from stored posts. Nothing is saved or sent."""
    async with context.services.database.transaction() as transaction:
        found = await read_watch(transaction, query.watch)
    _check_times(start=query.start, end=query.end)
    return await context.services.backtest(BacktestInput(rule=found.rule, start=query.start, end=query.end))


def check_rule(rule: WatchRule) -> None:
    """What no single field shows. Raises InputError that names the field."""
    words = rule.words
    for field, phrases in (("any", words.any), ("all", words.all), ("none", words.none)):
        if blank := [
            index for index, phrase in enumerate(phrases) if not is_visible(phrase.strip().lstrip("#\uff03$"))
        ]:
            raise _invalid(f"`rule.words.{field}[{blank[0]}]` holds no word.")
    if rule.meaning is not None and not rule.meaning.text.strip():
        raise _invalid("`rule.meaning.text` holds no text.")
    if not (words.any or words.all or rule.authors or rule.meaning):
        raise _invalid("`rule` matches every post: give `words.any`, `words.all`, `authors` or `meaning`.")
    threshold = rule.threshold
    if threshold.authors > threshold.posts:
        raise _invalid("`rule.threshold.authors` is more than `rule.threshold.posts`.")


async def read_watch(transaction: AsyncTransaction, watch_id: UUID | str) -> Watch:
    """One watch. Raises NotFound."""
    row = await transaction.fetch_one(store.ONE, {"watch": watch_id})
    if row is None:
        raise _absent()
    return row.watch()


async def _check_feeds(transaction: AsyncTransaction, rule: WatchRule) -> None:
    known = {row.id for row in await transaction.fetch(store.FEEDS, {"ids": rule.feeds})}
    if missing := [feed for feed in rule.feeds if feed not in known]:
        raise _invalid(f"`rule.feeds` names a feed that does not exist: {missing[0]}.")


async def _check_destinations(transaction: AsyncTransaction, ids: Sequence[UUID]) -> None:
    found = await transaction.fetch_one(store.KNOWN, {"ids": list(ids)})
    if found is None or found.count != len(set(ids)) or len(set(ids)) != len(ids):
        raise _invalid("`destinations` names one that does not exist, or one twice.")


def _json(rule: WatchRule) -> str:
    return msgspec.json.encode(rule).decode()


def _check_times(**given: datetime | None) -> None:
    for field, time in given.items():
        if time is not None and not _EARLIEST <= time < _LATEST:
            raise _invalid(f"`{field}` is not between the years 1970 and 9000.")


def check_period(start: datetime, end: datetime, most_days: int) -> None:
    """Raises InputError unless [start, end) is a period of at most ``most_days``."""
    if start >= end:
        raise _invalid("`start` is not before `end`.")
    if (end - start).total_seconds() > most_days * 86_400:
        raise _invalid(f"From `start` to `end` it is more than {most_days} days.")


def _invalid(why: str) -> InputError:
    return InputError("The request is not valid.", why=why)


def _absent() -> NotFound:
    return NotFound("There is no such watch.", do="GET /api/v1/watches lists them.")
