"""Writing what a stretch brought: counts, alerts with their jobs, and the position, all or nothing."""

from __future__ import annotations

import msgspec

from services.api.scheduler.lease import Lease
from services.api.watches.judged import Outcome
from shared.contracts.jobs import DELIVER_ALERT, DELIVERY_LEASE_SECONDS
from shared.store import alerts as alert_store
from shared.store import watch_judging as store
from shared.store.database import Database


def write_outcome(database: Database, lease: Lease, row: store.Due, outcome: Outcome) -> bool:
    """False when the watch was changed, paused or removed meanwhile: then nothing is written.

    Raises FencedError when another process judges now.
    """
    job = {"actor": DELIVER_ALERT.actor, "queue": DELIVER_ALERT.queue, "lease_seconds": DELIVERY_LEASE_SECONDS}
    with database.transaction() as transaction:
        lease.fence(transaction)
        held = {"watch": row.id, "revision": row.revision, "before": row.evaluated_to}
        if transaction.fetch_one(store.HOLD, held) is None:
            return False
        minutes = {"minutes": list(outcome.minutes), "posts": list(outcome.minutes.values())}
        transaction.execute(store.PUT_MINUTES, {"watch": row.id, **minutes})
        for alert in outcome.said.alerts:
            transaction.execute(alert_store.RAISE, alert)
            transaction.execute(alert_store.SEND, job | {"alert": alert["id"], "watch": row.id})
        for note in outcome.said.notes:
            transaction.execute(alert_store.ADD, note)
        transaction.execute(
            store.MOVE,
            {
                "watch": row.id,
                "evaluated_to": outcome.position,
                "state": msgspec.json.encode(outcome.state).decode(),
                "told_topics": msgspec.json.encode(outcome.told_topics).decode(),
                "degraded": outcome.degraded,
            },
        )
    return True
