"""Backups, as those who may ask for one see them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.schemas.base import Schema

BackupTask = Literal["take", "verify"]
OrderStatus = Literal["waiting", "running", "done", "failed"]


class Backup(Schema, frozen=True, kw_only=True):
    """``rows`` of all tables, ``bytes`` encrypted, ``seconds`` it took. ``revision`` is the schema's.

    ``verified_at``: when it was last restored beside the record, compared and searched; ``problem`` says why that
    failed.
    """

    name: str
    taken_at: datetime
    version: str
    revision: int
    rows: int
    bytes: int
    seconds: float
    verified_at: datetime | None
    problem: str | None


class BackupOrder(Schema, frozen=True, kw_only=True):
    """What a worker was asked to do; ``said`` is how it went. ``backup`` is empty for one that is to be taken."""

    id: str
    what: BackupTask
    backup: str
    status: OrderStatus
    said: str
    asked_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None


class BackupList(Schema, frozen=True, kw_only=True):
    """Newest first, as the worker saw them that keeps them. ``orders``: the last that were given."""

    backups: list[Backup]
    orders: list[BackupOrder]
