"""Every duration of the worker in one place; tests make them short."""

from __future__ import annotations

import msgspec


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. Leases and quiet times are judged by the database's clock, the rest are pauses."""

    lease_seconds: float = 15.0
    renew_seconds: float = 4.0
    dispatch_seconds: float = 0.25
    reap_seconds: float = 3.0
    #: Between looks for deliveries whose time has come.
    deliver_seconds: float = 1.0
    #: A run that nobody works on gets a new job after so long: with an empty queue, and with a busy one.
    lost_seconds: float = 10.0
    waiting_seconds: float = 120.0
    #: Between looks for schedules that are due.
    schedules_seconds: float = 2.0
    retention_seconds: float = 1800.0
    #: Between looks whether a backup is due or was asked for.
    backup_seconds: float = 20.0
    #: Between counts of what waits, for the metrics.
    depths_seconds: float = 15.0
    #: Between looks at the vector index: is a chunk full, is a comparison with the record due.
    vectors_seconds: float = 30.0
    #: Between looks for posts that left the hot window.
    move_seconds: float = 60.0
    #: Between questions to a render node whether a report is done, and before its second try.
    node_poll_seconds: float = 0.5
    #: Between questions to a render node how it is.
    node_look_seconds: float = 30.0
    heartbeat_milliseconds: int = 5000
    #: Before the first clean-up: a start has better things to do.
    settle_seconds: float = 60.0
    #: Dramatiq may take it twice: for its threads that work, and for those that fetch.
    drain_seconds: float = 5.0
    most_backoff_seconds: float = 5.0
