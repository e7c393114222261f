"""The platform's own state, for who runs it: processes, storage, connections, what waits, schema."""

from __future__ import annotations

from services.api.operations.context import Context
from services.api.operations.registry import NoInput, operation
from shared.config.fields import fields
from shared.schemas.platform import (
    Connections,
    MomentumState,
    Processes,
    Queues,
    SchemaState,
    Setting,
    SettingList,
    Storage,
)
from shared.store import platform as store
from shared.store.migrate import migrations


@operation("/api/v1/settings", scope="settings:read", toolset="platform", taints=False)
async def settings(context: Context, _: NoInput) -> SettingList:
    """Every setting as the API has it, its default, and what it means. Secrets are told only as set or not."""
    found = []
    for field in fields():
        value = getattr(context.services.settings, field.name)
        # An address may carry a password or a token.
        hidden = field.about.secret or (field.name.endswith("_url") and field.name != "public_url")
        found.append(
            Setting(
                variable=field.variable,
                value=None if hidden else value,
                default=None if hidden else field.default,
                source="default" if value == field.default else "set",
                secret=hidden,
                set=value not in ("", None),
                units=list(field.about.units),
                doc=field.about.doc,
            )
        )
    return SettingList(settings=found)


@operation("/api/v1/schema", scope="platform:read", toolset="platform", taints=False)
async def schema(context: Context, _: NoInput) -> SchemaState:
    """Where the database's schema stands, which steps were applied when, and what this version needs."""
    async with context.services.database.transaction() as transaction:
        applied = await transaction.fetch(store.MIGRATIONS)
        server = (await transaction.fetch(store.SERVER))[0]
    return SchemaState(
        revision=applied[0].revision if applied else 0,
        needed=len(migrations()),
        server=f"PostgreSQL {server.version}",
        migrations=applied,
    )


@operation("/api/v1/storage", scope="platform:read", toolset="platform", taints=False)
async def storage(context: Context, _: NoInput) -> Storage:
    """What the record takes on disk, by table, largest first, with dead rows and the last vacuum."""
    async with context.services.database.transaction() as transaction:
        server = (await transaction.fetch(store.SERVER))[0]
        return Storage(database_bytes=server.bytes, tables=await transaction.fetch(store.TABLES))


@operation("/api/v1/connections", scope="platform:read", toolset="platform", taints=False)
async def connections(context: Context, _: NoInput) -> Connections:
    """Connections to the database by unit: how many, which are busy, which wait for a lock, the oldest transaction."""
    async with context.services.database.transaction() as transaction:
        server = (await transaction.fetch(store.SERVER))[0]
        pools = await transaction.fetch(store.POOLS)
    used = sum(pool.connections for pool in pools)
    return Connections(most=server.connections_most, used=used, pools=pools)


@operation("/api/v1/queues", scope="platform:read", toolset="platform", taints=False)
async def queues(context: Context, _: NoInput) -> Queues:
    """What waits: jobs, briefings, deliveries, posts without a vector, vectors to remove, rechecks, approvals."""
    return (await context.services.database.fetch(store.QUEUES))[0]


@operation("/api/v1/processes", scope="platform:read", toolset="platform", taints=True)
async def processes(context: Context, _: NoInput) -> Processes:
    """Every process that reported in the last day with its parts and states, and who leads which job."""
    async with context.services.database.transaction() as transaction:
        units = await transaction.fetch(store.UNITS)
        return Processes(units=units, leases=await transaction.fetch(store.LEASES))


@operation("/api/v1/momentum-state", scope="platform:read", toolset="platform", taints=False)
async def momentum_state(context: Context, _: NoInput) -> MomentumState:
    """How far momentum has come: its event time, its baseline's age, how much it is behind, and its topics."""
    return (await context.services.database.fetch(store.MOMENTUM))[0]
