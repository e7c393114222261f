"""Chunks of vectors: one open a model, which grows; then sealed, indexed, and dropped when it is empty.

An open chunk that has grown large has early indexes, which keep what is in them and take what comes; those of the
sealed chunk take their place.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

import msgspec

from shared.store.database import Command, Statement
from shared.store.vectors import OPERATORS, Count

#: Languages and feeds that may have an index of their own.
PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """``rows`` is exact; the times bound those of its posts.

    ``near``: the lists of its approximate indexes, by what they cover: "" for all rows, "language:pt", "feed:x".
    0 lists: that is nearly all rows, and the index over all serves it.
    """

    id: int
    model: str
    state: str
    rows: int
    first_time: datetime | None
    last_time: datetime | None
    near: dict[str, int]


class Model(msgspec.Struct, frozen=True):
    """A model's name."""

    model: str


class Part(msgspec.Struct, frozen=True):
    """How many rows of a chunk a language or a feed has."""

    kind: str
    value: str
    rows: int


class Near(msgspec.Struct, frozen=True):
    """``valid`` is false of an index that was being built when something ended that."""

    valid: bool


_CHUNK = "SELECT id, model, state, rows, first_time, last_time, near FROM vector_chunk"

#: Writers and removers of vectors take turns, until their transaction ends: counts stay exact, no post comes
#: into two chunks, and no chunk is filled while it is sealed.
LOCK = Command("SELECT pg_advisory_xact_lock(hashtext('groundswell-vectors'))")

ALL = Statement(f"{_CHUNK} ORDER BY id", Chunk)
OF_MODEL = Statement(f"{_CHUNK} WHERE model = %(model)s ORDER BY id", Chunk)
#: Those that may hold posts of the time asked for.
BETWEEN = Statement(
    f"""{_CHUNK} WHERE model = %(model)s AND rows > 0
          AND (%(since)s::timestamptz IS NULL OR last_time >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR first_time < %(until)s)
        ORDER BY id""",
    Chunk,
)
ADD = Statement(
    """INSERT INTO vector_chunk (model) VALUES (%(model)s)
       RETURNING id, model, state, rows, first_time, last_time, near""",
    Chunk,
)
SEAL = Command("UPDATE vector_chunk SET state = 'sealed' WHERE id = %(chunk)s AND state = 'open'")
#: The early indexes of a chunk that is still open.
BEGUN = Command("UPDATE vector_chunk SET near = %(near)s::jsonb WHERE id = %(chunk)s AND state = 'open'")
INDEXED = Command("UPDATE vector_chunk SET state = 'indexed', near = %(near)s::jsonb WHERE id = %(chunk)s")
FORGET = Command("DELETE FROM vector_chunk WHERE id = %(chunk)s")


COUNT = Statement("SELECT coalesce(sum(rows), 0)::bigint AS count FROM vector_chunk WHERE model = %(model)s", Count)
MODELS = Statement("SELECT DISTINCT model FROM vector_chunk WHERE rows > 0 ORDER BY model", Model)


def make(chunk: int) -> list[Command]:
    """Its table. Attached rather than made as a partition, which would wait for whoever reads."""
    name = f"post_vector_{int(chunk)}"
    return [
        Command(f"CREATE TABLE {name} (LIKE post_vector INCLUDING ALL, CHECK (chunk = {int(chunk)}))"),
        Command(f"ALTER TABLE post_vector ATTACH PARTITION {name} FOR VALUES IN ({int(chunk)})"),
    ]


def drop(chunk: int) -> Command:
    """Its table and all in it; waits for whoever reads vectors."""
    return Command(f"DROP TABLE IF EXISTS post_vector_{int(chunk)}")


def parts(chunk: int) -> Statement[Part]:
    """Languages and feeds of a chunk that have at least ``least`` rows."""
    return Statement(
        f"""SELECT 'language' AS kind, key AS value, count(*) AS rows
              FROM post_vector_{int(chunk)}, unnest(spoken) AS key
             GROUP BY key HAVING count(*) >= %(least)s
            UNION ALL
            SELECT 'feed', feed, count(*) FROM post_vector_{int(chunk)} GROUP BY feed HAVING count(*) >= %(least)s""",
        Part,
    )


def near_name(chunk: int, part: str, *, early: bool = False) -> str:
    """Of the approximate index over a ``part`` of the chunk ("" for all of it)."""
    suffix = "_" + hashlib.blake2b(part.encode(), digest_size=6).hexdigest() if part else ""
    return f"post_vector_{int(chunk)}_{'early' if early else 'near'}{suffix}"


#: The index ``name``, if there is one.
NEAR = Statement("SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass(%(name)s)", Near)


def build(chunk: int, part: str, lists: int, *, early: bool = False) -> Command:
    """An approximate index, while others read and write: must stand outside a transaction.

    IVFFlat: k-means into ``lists`` lists (pgvector's documentation). ValueError for a part whose name is more
    than letters, digits, dots and dashes: it comes from a feed.
    """
    kind, _, value = part.partition(":")
    if part and not PLAIN.fullmatch(value):
        raise ValueError(f"{part!r} is no part to index")
    where = {"": "", "language": f"WHERE spoken @> ARRAY['{value}'::text]", "feed": f"WHERE feed = '{value}'"}[kind]
    return Command(
        f"""CREATE INDEX CONCURRENTLY {near_name(chunk, part, early=early)} ON post_vector_{int(chunk)}
            USING ivfflat (embedding {OPERATORS[kind].family}) WITH (lists = {int(lists)}) {where}"""
    )


def unbuild(name: str) -> Command:
    """Without the index ``name`` of ours, which was not finished; must stand outside a transaction."""
    return Command(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def analyze(chunk: int) -> Command:
    """Tell the planner what its rows hold."""
    return Command(f"ANALYZE post_vector_{int(chunk)}")
