"""Dramatiq on Valkey. Settings and their reasons were measured: a killed worker's message is back in seconds."""

from __future__ import annotations

import time
from typing import Any, get_args

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Retries, TimeLimit
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.worker.timings import Timings
from shared.contracts.jobs import Queue

NAMESPACE = "groundswell"
#: Every command also looks for dead workers; at our rates that is free, and nothing waits for chance.
ALWAYS = 1_000_000
SOCKET_SECONDS = 3.0
MOST_CONNECTIONS = 16
#: One job of each queue at a time: a long render never stands before an interactive run.
THREADS = len(get_args(Queue))
PREFETCH = 1
#: How long an idle consumer may sleep between looks.
IDLE_MILLISECONDS = 500
AWAY_SECONDS = 1.0


class PatientConsumer(_RedisConsumer):
    """Waits quietly while Valkey is away, instead of a logged restart every few seconds a queue."""

    def __next__(self) -> Any:
        try:
            return super().__next__()  # type: ignore[no-untyped-call]
        except (redis.RedisError, dramatiq.errors.BrokerError):
            time.sleep(AWAY_SECONDS)
            return None

    def ack(self, message: Any) -> None:
        """Acknowledge. Raises ConnectionClosed, which Dramatiq retries, for whatever Valkey says."""
        try:
            super().ack(message)  # type: ignore[no-untyped-call]
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]

    def nack(self, message: Any) -> None:
        """Refuse; as ``ack``."""
        try:
            super().nack(message)  # type: ignore[no-untyped-call]
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]


class PatientBroker(RedisBroker):
    """A Redis broker whose consumers outlive an absent server."""

    @property
    def consumer_class(self) -> type[PatientConsumer]:
        """The consumer made for each queue."""
        return PatientConsumer


def make_broker(valkey_url: str, timings: Timings) -> PatientBroker:
    """A broker on ``valkey_url`` (``redis://``, ``rediss://`` or ``unix://``). Connects on first use."""
    client = redis.Redis.from_url(
        valkey_url,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 0),
        max_connections=MOST_CONNECTIONS,
        health_check_interval=0,
    )
    broker = PatientBroker(  # type: ignore[no-untyped-call]
        client=client,
        # No Prometheus middleware: it would listen on every address.
        middleware=[TimeLimit(), Retries(max_retries=0)],
        namespace=NAMESPACE,
        heartbeat_timeout=timings.heartbeat_milliseconds,
        maintenance_chance=ALWAYS,
    )
    for queue in get_args(Queue):
        broker.declare_queue(queue)
    return broker


def make_worker(broker: PatientBroker) -> dramatiq.Worker:
    """Threads of this process that consume all queues. ``start`` and ``stop`` are the caller's."""
    broker.emit_after("process_boot")  # without it an embedded worker has no time limits
    worker = dramatiq.Worker(broker, worker_threads=THREADS, worker_timeout=IDLE_MILLISECONDS)
    worker.queue_prefetch = PREFETCH
    worker.delay_prefetch = PREFETCH
    return worker
