"""Schedules: when pipelines run by themselves. Workers make the runs."""

from __future__ import annotations

from datetime import time
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, UnsetType

from services.api.operations.context import Context
from services.api.operations.pipelines import RunPipelineInput, check_parameters, known_pipeline, parameters_in
from services.api.operations.registry import NoInput, operation
from shared.contracts.due import WEEKDAYS, next_due, zone_of
from shared.errors import ConflictError, InputError, NotFound
from shared.schemas.base import Schema
from shared.schemas.pipeline import SCHEDULES_MOST, DueTimes, PipelineParameters, Schedule, ScheduleList, Weekday
from shared.schemas.watch import Removed
from shared.store import schedules as store
from shared.store.database import AsyncTransaction

At = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["07:00", "18:30"])]
Weekdays = Annotated[list[Weekday], Meta(max_length=7)]
Zone = Annotated[str, Meta(min_length=1, max_length=60)]
_ANY_DAY = f"({'|'.join(WEEKDAYS)})"


class CreateScheduleInput(RunPipelineInput, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``at`` is a time of day such as 07:00 in ``zone``, such as Europe/Berlin; no ``weekdays`` is every day."""

    at: At
    weekdays: Weekdays = []
    zone: Zone = "UTC"
    enabled: bool = True


class ScheduleInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schedule by its id."""

    schedule: UUID


class DueTimesInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as ``create_schedule`` takes it, ``weekdays`` with commas between them, and how many times."""

    at: At
    weekdays: Annotated[
        str, Meta(pattern=f"^({_ANY_DAY}(,{_ANY_DAY})*)?$", max_length=60, examples=[",".join(WEEKDAYS[:2])])
    ] = ""
    zone: Zone = "UTC"
    count: Annotated[int, Meta(ge=1, le=20)] = 3


class ScheduleChange(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays. ``parameters`` replaces all of them."""

    at: At | UnsetType = UNSET
    weekdays: Weekdays | UnsetType = UNSET
    zone: Zone | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    parameters: PipelineParameters | UnsetType = UNSET


class ChangeScheduleInput(ScheduleChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``ScheduleChange`` of one schedule."""

    schedule: UUID


@operation("/api/v1/schedules", scope="pipelines:read", toolset="agents", taints=False)
async def schedules(context: Context, _: NoInput) -> ScheduleList:
    """All schedules, by when they are due."""
    rows = await context.services.database.fetch(store.ALL)
    return ScheduleList(schedules=[row.schedule() for row in rows])


@operation("/api/v1/due-times", scope="pipelines:read", toolset="agents", taints=False)
async def due_times(context: Context, query: DueTimesInput) -> DueTimes:
    """When a schedule with this rule would be due next, by the database's clock: also before one is saved."""
    at, zone = time.fromisoformat(query.at), _zone(query.zone)
    days = query.weekdays.split(",") if query.weekdays else []
    now = await context.services.database.fetch_one(store.NOW)
    assert now is not None  # noqa: S101 - it always has a row
    times = [next_due(at, days, zone, now.now)]
    while len(times) < query.count:
        times.append(next_due(at, days, zone, times[-1]))
    return DueTimes(times=times)


@operation(
    "/api/v1/schedules",
    method="POST",
    scope="pipelines:write",
    effect="write",
    toolset="agents",
    taints=False,
    status=201,
)
async def create_schedule(context: Context, new: CreateScheduleInput) -> Schedule:
    """Run a pipeline every day, or on some days of the week, at a time of day in a time zone.

    A time that was missed is made up for once. One that the clocks skip is moved to the next there is; one that they
    show twice counts once.
    """
    parameters = parameters_in(new)
    async with context.services.database.transaction() as transaction:
        await transaction.execute(store.LOCK)
        now = await transaction.fetch_one(store.NOW)
        assert now is not None  # noqa: S101 - it always has a row
        if now.count >= SCHEDULES_MOST:
            raise ConflictError(f"There are {SCHEDULES_MOST} schedules already.", do="Remove one first.")
        await check_parameters(transaction, await known_pipeline(transaction, new.pipeline), parameters)
        at, zone = time.fromisoformat(new.at), _zone(new.zone)
        row = {
            "pipeline": new.pipeline,
            "parameters": msgspec.json.encode(parameters.given()).decode(),
            "at": at,
            "weekdays": sorted(set(new.weekdays), key=WEEKDAYS.index),
            "zone": new.zone,
            "enabled": new.enabled,
            "tainted": context.actor.tainted,
            "due_at": next_due(at, new.weekdays, zone, now.now) if new.enabled else None,
        }
        made = await transaction.fetch_one(store.CREATE, row)
        assert made is not None  # noqa: S101 - INSERT ... RETURNING gives its row
        return await _read(transaction, UUID(made.id))


@operation(
    "/api/v1/schedules/{schedule}",
    method="PATCH",
    scope="pipelines:write",
    effect="write",
    toolset="agents",
    taints=False,
    idempotent=True,
)
async def update_schedule(context: Context, change: ChangeScheduleInput) -> Schedule:
    """Change what is given. It is due anew from now on: what it missed while it was off is not made up for."""
    async with context.services.database.transaction() as transaction:
        await transaction.fetch_one(store.HOLD, {"id": change.schedule})
        row = await transaction.fetch_one(store.ONE, {"id": change.schedule})
        if row is None:
            raise _absent()
        there = row.schedule()
        given = {name: getattr(change, name) for name in ("at", "weekdays", "zone", "enabled", "parameters")}
        wanted = msgspec.structs.replace(there, **{n: v for n, v in given.items() if not isinstance(v, UnsetType)})
        if wanted.parameters != there.parameters:
            await check_parameters(transaction, await known_pipeline(transaction, there.pipeline), wanted.parameters)
        at, zone = time.fromisoformat(wanted.at), _zone(wanted.zone)
        changed = {
            "id": change.schedule,
            "parameters": msgspec.json.encode(wanted.parameters.given()).decode(),
            "at": at,
            "weekdays": sorted(set(wanted.weekdays), key=WEEKDAYS.index),
            "zone": wanted.zone,
            "enabled": wanted.enabled,
            "tainted": context.actor.tainted,
            "due_at": next_due(at, wanted.weekdays, zone, row.now) if wanted.enabled else None,
        }
        await transaction.execute(store.CHANGE, changed)
        return await _read(transaction, change.schedule)


@operation(
    "/api/v1/schedules/{schedule}",
    method="DELETE",
    scope="pipelines:write",
    effect="destroy",
    toolset="agents",
    taints=False,
    idempotent=True,
)
async def remove_schedule(context: Context, query: ScheduleInput) -> Removed:
    """Remove a schedule. The runs that it made stay."""
    gone = await context.services.database.fetch_one(store.REMOVE, {"id": query.schedule})
    if gone is None:
        raise _absent()
    return Removed(id=gone.id)


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_of(name)
    except ValueError as error:
        raise InputError("The request is not valid.", why=str(error)) from error


async def _read(transaction: AsyncTransaction, schedule: UUID) -> Schedule:
    row = await transaction.fetch_one(store.ONE, {"id": schedule})
    if row is None:
        raise _absent()
    return row.schedule()


def _absent() -> NotFound:
    return NotFound("There is no such schedule.", do="GET /api/v1/schedules lists them.")
