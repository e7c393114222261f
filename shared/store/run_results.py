"""Texts that a run keeps outside the context of its agent."""

from __future__ import annotations

from shared.schemas.base import Schema
from shared.store.database import Statement


class Numbered(Schema, frozen=True, kw_only=True):
    """A text's number within its run, from 1."""

    number: int


class Content(Schema, frozen=True, kw_only=True):
    """A part of a text."""

    content: str


#: The number of a text, a new one where it is new. A run is worked on by one worker, which numbers one by one.
KEEP = Statement(
    """WITH known AS (
         SELECT number FROM run_result
          WHERE run = %(run)s AND name = %(name)s AND digest = sha256(convert_to(%(content)s, 'UTF8'))),
       made AS (
         INSERT INTO run_result (run, number, name, digest, content)
         SELECT %(run)s, 1 + coalesce((SELECT max(number) FROM run_result WHERE run = %(run)s), 0), %(name)s,
                sha256(convert_to(%(content)s, 'UTF8')), %(content)s
          WHERE NOT EXISTS (SELECT FROM known)
         RETURNING number)
       SELECT number FROM known UNION ALL SELECT number FROM made""",
    Numbered,
)

READ = Statement(
    """SELECT substr(content, %(start)s, %(length)s) AS content FROM run_result
        WHERE run = %(run)s AND number = %(number)s""",
    Content,
)
