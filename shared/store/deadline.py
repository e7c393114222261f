"""Cuts a connection whose server falls silent, so that nobody waits without end.

The timeouts of invariant 6 are kept by the server. One that is frozen keeps none, and its Unix socket
stays open. Cancelling the waiting task would not help: psycopg then asks the server to cancel, and
waits for its answer. Shutting the socket down makes the read that waits fail at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg


@contextmanager
def cut_after(connection: psycopg.AsyncConnection[Any], seconds: float) -> Iterator[None]:
    """Whatever waits for ``connection`` in the block gets psycopg.OperationalError after ``seconds``."""
    timer = asyncio.get_running_loop().call_later(seconds, _cut, connection)
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def cut_from_thread(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """``cut_after`` for those who wait in a thread: another one looks at the clock."""
    timer = threading.Timer(seconds, _cut, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: psycopg.AsyncConnection[Any] | psycopg.Connection[Any]) -> None:
    with (
        contextlib.suppress(OSError, psycopg.Error),  # it is closed already
        socket.socket(fileno=os.dup(connection.fileno())) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)
