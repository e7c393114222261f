"""A lease on scheduled work: one process at a time, by the database's clock, fenced by an epoch."""

from __future__ import annotations

from shared.errors import FencedError
from shared.store import leases as store
from shared.store.database import Database, Transaction

LEASE_SECONDS = 15


class Lease:
    """``epoch`` is 0 while another holds it, and changes whenever another held it in between."""

    def __init__(self, database: Database, name: str, holder: str, *, seconds: int = LEASE_SECONDS) -> None:
        self._database, self.name = database, name
        self._key = {"name": name, "holder": holder, "seconds": seconds}
        self.epoch = 0

    def take(self) -> bool:
        """Take or renew it. False while another holds it."""
        found = self._database.fetch_one(store.TAKE, self._key)
        self.epoch = found.epoch if found else 0
        return found is not None

    def fence(self, transaction: Transaction) -> None:
        """Raise FencedError unless it is still ours; nobody can take it until ``transaction`` ends."""
        if transaction.fetch_one(store.FENCE, self._key | {"epoch": self.epoch}) is None:
            raise FencedError("Another process runs the scheduled jobs now.")

    def release(self) -> None:
        """Give it back, if it is ours."""
        if self.epoch:
            self._database.fetch_one(store.RELEASE, self._key | {"epoch": self.epoch})
            self.epoch = 0
