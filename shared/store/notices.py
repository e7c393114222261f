"""Notices: what the platform tells its operator of itself, once, at the destinations that want it."""

from __future__ import annotations

from shared.schemas.base import Schema
from shared.store.database import Command, Statement


class Notice(Schema, frozen=True, kw_only=True):
    """``page`` is a path of the dashboard."""

    title: str
    said: str
    page: str


#: With its deliveries, which go out with the next that are due. One that was raised before is not raised again.
RAISE = Command(
    """WITH made AS (
         INSERT INTO notice (id, title, said, page) VALUES (%(id)s, %(title)s, %(said)s, %(page)s)
         ON CONFLICT (id) DO NOTHING RETURNING id)
       INSERT INTO delivery (notice, destination) SELECT made.id, destination.id FROM made, destination WHERE notices"""
)
ONE = Statement("SELECT title, said, page FROM notice WHERE id = %(id)s", Notice)
