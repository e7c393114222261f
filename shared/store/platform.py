"""The database's own view of the platform: sizes, connections, what waits, who leads."""

from __future__ import annotations

from datetime import datetime

from shared.schemas.base import Schema
from shared.schemas.platform import (
    LeaseEntry,
    Migration,
    MomentumState,
    Pool,
    Queues,
    Table,
    UnitEntry,
    VectorModelState,
)
from shared.store.database import Command, Statement
from shared.store.figures import PENDING_MOST

MIGRATIONS = Statement("SELECT revision, name, applied_at FROM schema_migration ORDER BY revision DESC", Migration)


class Server(Schema, frozen=True, kw_only=True):
    """The server and this database."""

    version: str
    bytes: int
    connections_most: int


SERVER = Statement(
    """SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes,
              current_setting('max_connections')::integer AS connections_most""",
    Server,
)

#: Partitions count for their table.
TABLES = Statement(
    """SELECT coalesce(pg_partition_root(s.relid), s.relid)::regclass::text AS name,
              sum(greatest(c.reltuples, 0))::bigint AS rows, sum(s.n_dead_tup)::bigint AS dead,
              sum(pg_total_relation_size(s.relid))::bigint AS bytes,
              sum(pg_indexes_size(s.relid))::bigint AS index_bytes,
              max(greatest(s.last_vacuum, s.last_autovacuum)) AS vacuumed_at,
              max(greatest(s.last_analyze, s.last_autoanalyze)) AS analyzed_at
         FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
        GROUP BY 1 ORDER BY bytes DESC, name LIMIT 100""",
    Table,
)

POOLS = Statement(
    """SELECT coalesce(nullif(application_name, ''), '(unnamed)') AS application, count(*) AS connections,
              count(*) FILTER (WHERE state = 'active') AS active,
              count(*) FILTER (WHERE state LIKE 'idle in transaction%%') AS idle_in_transaction,
              count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting,
              coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 AS longest_seconds
         FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend'
        GROUP BY 1 ORDER BY connections DESC, application""",
    Pool,
)

QUEUES = Statement(
    f"""SELECT (SELECT count(*) FROM outbox) AS outbox,
               (SELECT extract(epoch FROM now() - min(created_at))::float8 FROM outbox) AS outbox_oldest_seconds,
               (SELECT count(*) FROM run WHERE status = 'queued') AS runs_queued,
               (SELECT count(*) FROM run WHERE status = 'running') AS runs_running,
               (SELECT count(*) FROM delivery WHERE state = 'pending') AS deliveries_pending,
               (SELECT count(*) FROM delivery WHERE state = 'failed' AND created_at > now() - interval '1 day')
                 AS deliveries_failed_day,
               (SELECT count(*) FROM (SELECT FROM embedding_pending LIMIT {PENDING_MOST}) AS counted)
                 AS embedding_pending,
               (SELECT count(*) FROM (SELECT FROM vector_removal LIMIT {PENDING_MOST}) AS counted) AS vector_removals,
               (SELECT count(*) FROM feed_recheck WHERE done_at IS NULL) AS rechecks_open,
               (SELECT count(*) FROM approval WHERE state = 'waiting' AND expires_at > now()) AS approvals_waiting""",
    Queues,
)

UNITS = Statement(
    """SELECT unit, instance, component, state, reason, since, reported_at,
              reported_at < now() - interval '20 seconds' AS silent
         FROM unit_report ORDER BY unit, instance, component LIMIT 500""",
    UnitEntry,
)
LEASES = Statement(
    "SELECT name, holder, epoch, expires_at, expires_at > now() AS held FROM lease ORDER BY name", LeaseEntry
)

MODELS = Statement(
    """SELECT m.model, m.state, m.complete, m.lost, m.done, m.total, m.started_at, m.activated_at,
              r.ended_at AS compared_at, r.model IS NOT NULL AND r.ended_at IS NULL AS comparing,
              coalesce(r.missing, 0) AS missing, coalesce(r.extra, 0) AS extra
         FROM vector_model m LEFT JOIN vector_repair r USING (model) ORDER BY m.state, m.started_at""",
    VectorModelState,
)


class Chunks(Schema, frozen=True, kw_only=True):
    """pgvector's chunks."""

    chunks: int
    indexed: int
    rows: int


CHUNKS = Statement(
    """SELECT count(*) AS chunks, count(*) FILTER (WHERE state = 'indexed') AS indexed,
              coalesce(sum(rows), 0)::bigint AS rows FROM vector_chunk""",
    Chunks,
)
#: The next comparison of index and record is due at once; one that is going on goes on.
COMPARE_NOW = Command(
    "UPDATE vector_repair SET ended_at = '2000-01-01T00:00:00Z' WHERE ended_at IS NOT NULL AND ended_at > '2000-01-02'"
)


class Old(Schema, frozen=True, kw_only=True):
    """Rows that are too old, as far as they were counted."""

    rows: int


class Oldest(Schema, frozen=True, kw_only=True):
    """The oldest stored post."""

    time: datetime | None


#: Rows are counted up to here.
COUNTED_MOST = 100_000


def old(table: str, column: str) -> Statement[Old]:
    """Rows of ``table`` whose ``column`` is older than ``days``."""
    return Statement(
        f"""SELECT count(*) AS rows FROM (
              SELECT FROM {table} WHERE {column} < now() - make_interval(days => %(days)s)
               LIMIT {COUNTED_MOST}) AS counted""",
        Old,
    )


#: What the retention looks at (``retention.py``), by the column it goes by.
AGED: dict[str, Statement[Old]] = {
    table: old(table, column)
    for table, column in {
        "post": "deleted_at IS NULL AND event_time",
        "post_archive": "event_time",
        "alert": "raised_at",
        "delivery": "created_at",
        "topic": "updated_at",
        "feed_gap": "end_time",
        "feed_drop": "ended_at",
        "quarantine": "received_at",
        "audit": "at",
    }.items()
}
OLDEST = Statement(
    """SELECT least((SELECT min(event_time) FROM post WHERE deleted_at IS NULL),
                    (SELECT min(event_time) FROM post_archive)) AS time""",
    Oldest,
)

MOMENTUM = Statement(
    """SELECT m.as_of, m.baseline_from, m.updated_at, coalesce(length(m.snapshot), 0) AS bytes,
              greatest(extract(epoch FROM
                (SELECT max(event_time) FROM feed_cursor WHERE events > 0) - m.as_of), 0)::float8 AS behind_seconds,
              (SELECT count(*) FROM topic WHERE status <> 'ended') AS topics_live,
              (SELECT count(*) FROM topic WHERE status = 'ended') AS topics_ended
         FROM (SELECT) AS one LEFT JOIN momentum_state m ON true""",
    MomentumState,
)
