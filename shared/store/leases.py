"""Leases: one holder at a time, by the database's clock, fenced by an epoch."""

from __future__ import annotations

from shared.schemas.base import Schema
from shared.store.database import Statement


class Epoch(Schema, frozen=True, kw_only=True):
    """Grows each time a lease changes hands."""

    epoch: int


#: Take a lease that is free, expired or already ours. No row: another holds it.
TAKE = Statement(
    """INSERT INTO lease (name, holder, expires_at)
       VALUES (%(name)s, %(holder)s, now() + make_interval(secs => %(seconds)s))
       ON CONFLICT (name) DO UPDATE SET
         epoch = lease.epoch + (lease.holder <> excluded.holder)::integer,
         holder = excluded.holder, expires_at = excluded.expires_at
       WHERE lease.holder = excluded.holder OR lease.expires_at < now()
       RETURNING epoch""",
    Epoch,
)
#: Inside the transaction that writes: renews and locks the lease. No row: we lost it, write nothing.
FENCE = Statement(
    """UPDATE lease SET expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
        WHERE name = %(name)s AND holder = %(holder)s AND epoch = %(epoch)s RETURNING epoch""",
    Epoch,
)
#: Give it back, so that another need not wait.
RELEASE = Statement(
    """UPDATE lease SET expires_at = now() - interval '1 second'
        WHERE name = %(name)s AND holder = %(holder)s AND epoch = %(epoch)s RETURNING epoch""",
    Epoch,
)
