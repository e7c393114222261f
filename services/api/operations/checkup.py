"""One look at everything an operator would look at, worst first."""

from __future__ import annotations

from services.api.operations.context import Context
from services.api.operations.health import health
from services.api.operations.platform import connections, queues, storage
from services.api.operations.registry import NoInput, operation
from services.api.operations.upkeep import archive
from services.api.watches.explain import many
from shared.schemas.health import Health
from shared.schemas.platform import ArchiveState, Checkup, Connections, Finding, Queues, Storage
from shared.store.capacity import MOST_SHARE

#: Clocks may differ by so much before times look odd.
DRIFT_SECONDS = 2.0
#: A job should be handed over within seconds.
OUTBOX_SECONDS = 60.0
TRANSACTION_SECONDS = 60.0
ARCHIVE_BEHIND_SECONDS = 3_600.0
#: Dead rows beyond this part of a large table slow every scan.
DEAD_SHARE, DEAD_LEAST = 0.5, 100_000
_WORST_FIRST = ("down", "degraded", "ok")


@operation("/api/v1/checkup", scope="health:read", toolset="platform", taints=True, core=True)
async def checkup(context: Context, _: NoInput) -> Checkup:
    """What is wrong with the platform, worst first, and what helps: parts, clocks, queues, connections, storage."""
    nothing = NoInput()
    found = [
        *of_health(await health.call(context, nothing)),
        *of_queues(await queues.call(context, nothing)),
        *of_connections(await connections.call(context, nothing)),
        *of_storage(await storage.call(context, nothing)),
        *of_archive(await archive.call(context, nothing)),
    ]
    if not found:
        found = [Finding(state="ok", about="platform", text="Nothing is wrong.")]
    found.sort(key=lambda one: _WORST_FIRST.index(one.state))
    return Checkup(state=found[0].state, findings=found)


def of_health(told: Health) -> list[Finding]:
    """Parts that are not well, and clocks that differ."""
    found = [
        Finding(
            state="down" if part.state == "down" else "degraded",
            about=part.name,
            text=" ".join(text for text in (f"{part.title}:", part.reason, part.effect) if text),
            do=part.do or "",
        )
        for part in told.components
        if part.state in ("down", "degraded")
    ]
    drift = told.figures.clock_drift_seconds
    if drift is not None and abs(drift) > DRIFT_SECONDS:
        found.append(
            Finding(
                state="degraded",
                about="clock",
                text=f"The API's clock and the database's differ by {drift:.1f} s.",
                do="Synchronise the machines' clocks (NTP).",
            )
        )
    return found


def of_queues(told: Queues) -> list[Finding]:
    """What waits for too long, or for a person."""
    found = []
    if told.outbox_oldest_seconds is not None and told.outbox_oldest_seconds > OUTBOX_SECONDS:
        text = f"Waiting to be handed over: {many(told.outbox, 'job')}, for {told.outbox_oldest_seconds:.0f} s."
        found.append(Finding(state="degraded", about="outbox", text=text, do="Start a worker, and Valkey or Redis."))
    if told.deliveries_failed_day:
        text = f"Not sent in the last day: {many(told.deliveries_failed_day, 'alert')}."
        found.append(Finding(state="degraded", about="deliveries", text=text, do="See `deliveries` with state failed."))
    if told.approvals_waiting:
        text = f"Waiting for an approval: {many(told.approvals_waiting, 'call')} of agents."
        found.append(Finding(state="ok", about="approvals", text=text, do="See `approvals`."))
    return found


def of_connections(told: Connections) -> list[Finding]:
    """Too many, or one that holds others up."""
    found = []
    if told.used > told.most * MOST_SHARE:
        text = f"{told.used} of {told.most} connections to PostgreSQL are in use."
        do = "Lower the units' pool sizes, or raise max_connections."
        found.append(Finding(state="degraded", about="connections", text=text, do=do))
    for pool in told.pools:
        if pool.longest_seconds > TRANSACTION_SECONDS:
            text = f"A transaction of {pool.application} is open for {pool.longest_seconds:.0f} s."
            do = "It keeps dead rows from being cleared away. If it is a person's, let them end it."
            found.append(Finding(state="degraded", about="connections", text=text, do=do))
    return found


def of_storage(told: Storage) -> list[Finding]:
    """Tables that are mostly dead rows."""
    return [
        Finding(
            state="degraded",
            about="storage",
            text=f"{table.dead:,} of about {table.rows + table.dead:,} rows of {table.name} are dead.",
            do=f"Let autovacuum catch up, or run: VACUUM {table.name}",
        )
        for table in told.tables
        if table.dead > max(DEAD_LEAST, DEAD_SHARE * (table.rows + table.dead))
    ]


def of_archive(told: ArchiveState) -> list[Finding]:
    """A mover that is behind."""
    if told.lag_seconds <= ARCHIVE_BEHIND_SECONDS:
        return []
    text = f"Posts that should be in the archive are {told.lag_seconds / 3600:.1f} hours late."
    return [Finding(state="degraded", about="archive", text=text, do="Start a worker, or look at its log.")]
