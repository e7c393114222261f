"""What an older PostgreSQL lacks is made by the first migration."""

from __future__ import annotations

import re
import time
from uuid import UUID

from shared.schemas.base import Schema
from shared.store.database import Command, Database, Statement
from shared.store.migrate import migrations


class Made(Schema, frozen=True, kw_only=True):
    id: UUID


def test_ids_begin_with_the_time_and_are_valid(database: Database) -> None:
    (function,) = re.findall(r"CREATE FUNCTION uuidv7\(\).*?\$body\$.*?\$body\$", migrations()[0].sql, re.S)
    database.execute(Command(function.replace("uuidv7()", "older_uuidv7()")))
    made = Statement("SELECT older_uuidv7() AS id FROM generate_series(1, 2000)", Made)
    before = time.time_ns() // 1_000_000
    ids = [row.id for row in database.fetch(made)]
    after = time.time_ns() // 1_000_000
    assert len({*ids}) == 2000
    for found in ids:
        assert (found.version, found.variant) == (7, "specified in RFC 4122")
        assert before - 50 <= found.int >> 80 <= after + 50, "the same machine's clock"
    assert len({found.int >> 64 & 0xFFF for found in ids}) > 1000, "the bits beside the version are random"
