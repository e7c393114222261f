"""Whether an engine answers at this moment. For those who start engines; services just use them."""

from __future__ import annotations

import contextlib

import psycopg
import redis


def postgres_answers(url: str) -> bool:
    """One connection attempt, at most two seconds."""
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.Error:
        return False


def valkey_answers(url: str) -> bool:
    """One PING, at most a second."""
    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(url, socket_timeout=1) as client:
        return bool(client.ping())
    return False
