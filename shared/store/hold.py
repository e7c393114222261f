"""A lock that one process has at a time, for as long as its connection to PostgreSQL lives.

A lease must run out before another may take over; this is free as soon as its holder is gone, so that a
killed unit's successor begins at once. Source: PostgreSQL's session-level advisory locks.
"""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg

from shared.config.settings import Settings
from shared.store.database import CHECK_SECONDS, connect_options, translated
from shared.store.deadline import cut_from_thread

#: How PostgreSQL finds out that a holder's machine is gone: about half a minute after its last word.
_KEEPALIVES = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"
_TAKE = "SELECT pg_try_advisory_lock(hashtext(%(name)s))"


class Hold:
    """The lock ``name``, on a connection of its own beside the pool. Used by one thread."""

    def __init__(self, settings: Settings, name: str) -> None:
        options = connect_options(settings, name)
        self._options = options | {"options": f"{options['options']} {_KEEPALIVES}"}
        self._url, self._name = settings.postgres_url, f"groundswell-{name}"
        self._connection: psycopg.Connection[Any] | None = None
        self._held = False

    def held(self) -> bool:
        """Whether it is ours; taken now if it is free. Raises StoreUnavailable where that cannot be known."""
        try:
            with translated():
                if self._connection is None:
                    self._connection = psycopg.connect(self._url, **self._options)
                with cut_from_thread(self._connection, CHECK_SECONDS):
                    self._held = self._look(self._connection)
        finally:
            if self._connection is not None and self._connection.broken:
                self.release()
        return self._held

    def release(self) -> None:
        """Give it back, so that another need not wait. Idempotent."""
        self._held = False
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _look(self, connection: psycopg.Connection[Any]) -> bool:
        if self._held:
            connection.execute("")  # it is ours as long as the session is
            return True
        row = connection.execute(_TAKE, {"name": self._name}).fetchone()
        return row is not None and bool(row[0])
