"""Queries in SQL over views of the record. PostgreSQL holds them to reading (``shared/store/analysis_reader.py``)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from services.api.operations.context import Context
from services.api.operations.registry import NoInput, operation
from shared.errors import InputError
from shared.schemas.analysis import QueryAnswer, QueryColumn, QueryTable, QueryTables
from shared.schemas.base import Schema
from shared.store import analysis as store
from shared.store.analysis_cells import LONGEST, column
from shared.store.analysis_reader import MOST_BYTES

MOST_ROWS = 5_000


class QueryInput(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``sql``: one SELECT over the views that query_tables lists. ``limit``: rows at most."""

    sql: Annotated[str, Meta(min_length=1, max_length=8_000)]
    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS)] = 200


@operation("/api/v1/query", method="POST", scope="analysis:read", toolset="analysis", taints=True, heavy=True)
async def query(context: Context, request: QueryInput) -> QueryAnswer:
    """One query in PostgreSQL's SQL over posts, topics, feeds and reactions: counts, shares, series, joins.

    It only reads, within a time limit. query_tables lists the views and their columns. Let the database count: ask for
    figures rather than for rows to count yourself, and name a stretch of time.
    """
    text = request.sql.strip().rstrip(";").rstrip()
    if not text:
        raise InputError("The request is not valid.", why="`sql` is empty.")
    return await context.services.analysis.query(text, request.limit)


@operation("/api/v1/query/tables", scope="analysis:read", toolset="analysis", taints=False)
async def query_tables(context: Context, _: NoInput) -> QueryTables:
    """The views that `query` may read, their columns, and its limits."""
    rows = await context.services.database.fetch(store.COLUMNS)
    tables: dict[str, QueryTable] = {}
    for row in rows:
        table = tables.setdefault(row.table, QueryTable(name=row.table, about=row.table_about or "", columns=[]))
        kind = column(row.name, row.type_number).kind
        table.columns.append(QueryColumn(name=row.name, kind=kind, type=row.type, about=row.about or ""))
    return QueryTables(tables=list(tables.values()), limits=_limits(context), off=context.services.analysis.off)


def _limits(context: Context) -> str:
    settings = context.services.settings
    return (
        f"One statement that reads, {settings.analysis_timeout_seconds} seconds, {MOST_ROWS:,} rows, "
        f"{MOST_BYTES // 1_000} kB, {LONGEST:,} characters a cell; times are UTC."
    )
