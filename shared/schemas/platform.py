"""The platform's own state: settings, storage, connections, queues, vectors, retention."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from shared.schemas.base import Schema


class Setting(Schema, frozen=True, kw_only=True):
    """One setting as the API has it. ``value`` is ``null`` for a secret; ``set`` tells whether there is one."""

    variable: str
    value: Any
    default: Any
    source: Literal["default", "set"]
    secret: bool
    set: bool
    units: list[str]
    doc: str


class SettingList(Schema, frozen=True, kw_only=True):
    """All settings. Other units may have been started with others."""

    settings: list[Setting]


class Migration(Schema, frozen=True, kw_only=True):
    """One step of the schema."""

    revision: int
    name: str
    applied_at: datetime


class SchemaState(Schema, frozen=True, kw_only=True):
    """Where the database's schema stands; ``needed`` is what this version wants."""

    revision: int
    needed: int
    server: str
    migrations: list[Migration]


class Table(Schema, frozen=True, kw_only=True):
    """A table with its indexes. ``rows`` and ``dead`` are the planner's estimates."""

    name: str
    rows: int
    dead: int
    bytes: int
    index_bytes: int
    vacuumed_at: datetime | None
    analyzed_at: datetime | None


class Storage(Schema, frozen=True, kw_only=True):
    """What the record takes, largest first; days of the archive and chunks of vectors are summed up."""

    database_bytes: int
    tables: list[Table]


class Pool(Schema, frozen=True, kw_only=True):
    """Connections to the database of one unit; ``longest_seconds`` is the age of its oldest open transaction."""

    application: str
    connections: int
    active: int
    idle_in_transaction: int
    waiting: int
    longest_seconds: float


class Connections(Schema, frozen=True, kw_only=True):
    """All connections to this database, of the server's ``most``."""

    most: int
    used: int
    pools: list[Pool]


class Queues(Schema, frozen=True, kw_only=True):
    """Work that waits in the record. Ages in seconds, of the oldest, ``null`` for none."""

    outbox: int
    outbox_oldest_seconds: float | None
    runs_queued: int
    runs_running: int
    deliveries_pending: int
    deliveries_failed_day: int
    embedding_pending: int
    vector_removals: int
    rechecks_open: int
    approvals_waiting: int


class UnitEntry(Schema, frozen=True, kw_only=True):
    """What one process last said of a part. ``silent``: for more than 20 seconds."""

    unit: str
    instance: str
    component: str
    state: str
    reason: str | None
    since: datetime
    reported_at: datetime
    silent: bool


class LeaseEntry(Schema, frozen=True, kw_only=True):
    """Who does a job that one at a time does. ``epoch`` counts how often it changed hands."""

    name: str
    holder: str
    epoch: int
    expires_at: datetime
    held: bool


class Processes(Schema, frozen=True, kw_only=True):
    """Every process that reported in the last day, and who leads which job."""

    units: list[UnitEntry]
    leases: list[LeaseEntry]


class VectorModelState(Schema, frozen=True, kw_only=True):
    """A model whose vectors are kept. While not ``complete``, ``done`` of ``total`` posts have theirs.

    ``compared_at`` is when the index was last compared with the record; that found ``missing`` and ``extra`` vectors.
    """

    model: str
    state: Literal["building", "active"]
    complete: bool
    lost: bool
    done: int
    total: int
    started_at: datetime
    activated_at: datetime | None
    compared_at: datetime | None
    comparing: bool
    missing: int
    extra: int


class VectorState(Schema, frozen=True, kw_only=True):
    """Vectors: models, what waits, and where they are kept. ``chunks`` and ``rows`` are pgvector's."""

    backend: str
    stored: int | None
    pending: int
    removals: int
    chunks: int
    chunks_indexed: int
    rows: int
    models: list[VectorModelState]


class ArchiveState(Schema, frozen=True, kw_only=True):
    """What is hot and what is cold. ``lag_seconds``: how far the oldest hot post is past the hot window."""

    hot_days: int
    hot_from: datetime | None
    hot_posts: int
    hot_bytes: int
    cold_posts: int
    cold_bytes: int
    cold_days: int
    lag_seconds: float


class Kept(Schema, frozen=True, kw_only=True):
    """Rows of one table older than a retention. ``more``: there are more than were counted."""

    table: str
    old: int
    more: bool


class Retention(Schema, frozen=True, kw_only=True):
    """What a retention of ``days`` would remove now. 0 removes nothing. ``oldest`` is the oldest stored post."""

    days: int
    configured_days: int
    oldest: datetime | None
    tables: list[Kept]


class Finding(Schema, frozen=True, kw_only=True):
    """One thing that a look at the platform found, and what helps."""

    state: Literal["ok", "degraded", "down"]
    about: str
    text: str
    do: str = ""


class Checkup(Schema, frozen=True, kw_only=True):
    """The worst first. ``state`` is the worst of them."""

    state: Literal["ok", "degraded", "down"]
    findings: list[Finding]


class MomentumState(Schema, frozen=True, kw_only=True):
    """How far momentum has come: event time, since when it knows what is usual, and the age of its checkpoint.

    ``behind_seconds`` lie between the newest event and ``as_of``; ``bytes`` is the checkpoint's size.
    """

    as_of: datetime | None
    baseline_from: datetime | None
    updated_at: datetime | None
    behind_seconds: float | None
    bytes: int
    topics_live: int
    topics_ended: int
