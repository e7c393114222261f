"""Cells of a query's answer: how the server gives them, cut, and how they are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from shared.schemas.analysis import Cell, ColumnKind, QueryColumn

#: Characters of a cell that are given.
LONGEST = 1_000
#: Digits of a number beyond which it is given as text.
_DIGITS = 40
#: PostgreSQL's type numbers, which are the same everywhere.
_KINDS: dict[int, tuple[ColumnKind, str]] = {
    16: ("boolean", "boolean"), 20: ("number", "bigint"), 21: ("number", "smallint"), 23: ("number", "integer"),
    26: ("number", "oid"), 700: ("number", "real"), 701: ("number", "double precision"), 1700: ("number", "numeric"),
    1082: ("date", "date"), 1114: ("time", "timestamp"), 1184: ("time", "timestamp with time zone"),
    25: ("text", "text"), 1043: ("text", "character varying"), 1042: ("text", "character"), 705: ("text", "text"),
    2950: ("text", "uuid"), 114: ("text", "json"), 3802: ("text", "jsonb"), 1009: ("text", "text[]"),
    2951: ("text", "uuid[]"), 1186: ("text", "interval"), 3614: ("text", "tsvector"), 1083: ("text", "time of day"),
}  # fmt: skip


class Column(msgspec.Struct, frozen=True):
    """One of the query's."""

    name: str
    kind: ColumnKind
    type: str

    def cell(self, name: str) -> str:
        """SQL for a cell of the column that is called ``name`` there. One character too many says that it was cut."""
        return f"left({name}::text, {LONGEST + 1})"

    def told(self) -> QueryColumn:
        """As the answer has it."""
        return QueryColumn(name=self.name, kind=self.kind, type=self.type)


def column(name: str, type_: int) -> Column:
    """The column with PostgreSQL's type number ``type_``. A name is shown, so it is bounded and has no marks."""
    kind, told = _KINDS.get(type_, ("text", "other"))
    return Column("".join(c if c.isprintable() else " " for c in name)[:63], kind, told)


def read(raw: Sequence[Any], columns: Sequence[Column]) -> tuple[list[Cell], int, int]:
    """A row, its size in bytes, and how many of its cells were cut."""
    row: list[Cell] = []
    size, cut = 0, 0
    for text, one in zip(raw, columns, strict=True):
        if text is None:
            row.append(None)
            size += 4
            continue
        cut += len(text) > LONGEST
        cell = _value(text[:LONGEST], one)
        row.append(cell)
        size += len(cell.encode("utf-8", "replace")) + 2 if isinstance(cell, str) else 12
    return row, size, cut


def _value(text: str, one: Column) -> Cell:
    if one.kind == "number":
        return _number(text)
    if one.kind == "boolean":
        return text in ("true", "t")
    if one.kind == "time":
        return _time(text)
    return text


def _number(text: str) -> Cell:
    """As JSON can hold it; what it cannot (NaN, infinities, hundreds of digits) stays text."""
    if len(text) > _DIGITS:
        return text
    try:
        return int(text)
    except ValueError:
        value = float(text)
        return value if math.isfinite(value) else text


def _time(text: str) -> Cell:
    """PostgreSQL's "2026-01-01 10:00:00+00" as ISO 8601."""
    if len(text) < 19 or text[4] != "-" or text[10] != " ":
        return text  # infinity, or before the year 1000 or after 9999
    iso = f"{text[:10]}T{text[11:]}"
    return f"{iso[:-3]}Z" if iso.endswith("+00") else iso
