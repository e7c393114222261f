"""Rows packed by hand are those that psycopg would have written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from shared.store import ingest
from shared.store.database import Database, Statement

KEY, OTHER = UUID(int=7), UUID(int=2**128 - 1)
ROWS: list[tuple[Any, ...]] = [
    (KEY, "at://a", "did:plc:a", -5, 0, None, "", [], [], [], [], 0, None, False, None, 0),
    (
        *(OTHER, "uri é", "日本", 2**63 - 1, -1, 5, "🎉 text\n", ["en"], ["a", ""], ["https://é.example"], ["b"] * 24),
        *(-(2**63), KEY, True, OTHER, 2**31 - 1),
    ),
]


class _Row(dict[str, Any]):
    """Whatever the columns are."""


@pytest.mark.parametrize("row", ROWS, ids=["empty", "full"])
def test_a_post_comes_out_as_psycopg_writes_it(database: Database, row: tuple[Any, ...]) -> None:
    key, uri, author, author_hash, time, claimed, text, *lists = row[:11]
    fingerprint, reply_to, replaces, tombstone, place = row[11:]
    packed = ingest.post_row(
        key.bytes,
        uri,
        author,
        author_hash,
        time,
        claimed,
        text,
        (lists[0], lists[1], lists[2], lists[3]),
        fingerprint,
        reply_to and reply_to.bytes,
        replaces,
        tombstone and tombstone.bytes,
        place,
    )
    everything = Statement("SELECT * FROM staged_post", _Row)
    with database.transaction() as transaction:
        transaction.execute(ingest.BEGIN)
        transaction.copy_in(ingest.COPY_POSTS, [row])
        transaction.copy_packed(ingest.COPY_POSTS, [packed])
        written, ours = transaction.fetch(everything)
    assert ours == written
    assert ours["terms"] == lists[3]
