"""Queries in SQL over views of the record, and their answers."""

from __future__ import annotations

from typing import Literal

from shared.schemas.base import Schema

ColumnKind = Literal["number", "time", "date", "boolean", "text"]
Cell = str | int | float | bool | None


class QueryColumn(Schema, frozen=True, kw_only=True):
    """``kind`` says how cells are given: times and dates as ISO 8601 in UTC, whatever has no other kind as text.

    ``type`` is PostgreSQL's name. ``about`` is empty where nothing needs saying.
    """

    name: str
    kind: ColumnKind
    type: str
    about: str = ""


class QueryTable(Schema, frozen=True, kw_only=True):
    """One view, with the columns that can be named."""

    name: str
    about: str
    columns: list[QueryColumn]


class QueryTables(Schema, frozen=True, kw_only=True):
    """What can be asked. ``off`` says why nothing can, where that is so."""

    tables: list[QueryTable]
    limits: str
    off: str | None = None


class QueryAnswer(Schema, frozen=True, kw_only=True):
    """Rows in the order of the query, cells in the order of ``columns``.

    ``more`` says why rows are missing: "rows" (there are more than were asked for) or "bytes" (the answer would be too
    long). ``cut`` counts cells of which only the beginning is given.
    """

    columns: list[QueryColumn]
    rows: list[list[Cell]]
    more: Literal["rows", "bytes"] | None = None
    cut: int = 0
    took_ms: float
