"""Reading reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from shared.schemas.base import Schema
from shared.schemas.run import Report
from shared.store.database import Statement


class ReportRow(Schema, frozen=True, kw_only=True):
    """A report as stored; ``body`` holds the rest of ``Report``'s fields."""

    id: str
    run: str
    topic: str
    title: str
    body: dict[str, Any]
    created_at: datetime
    pdf: str
    pdf_reason: str | None

    def report(self) -> Report:
        """The report as interfaces show it. What has a column of its own is taken from there."""
        columns = {name: getattr(self, name) for name in self.__struct_fields__ if name != "body"}
        return msgspec.convert({**self.body, **columns}, Report)


class Pdf(Schema, frozen=True, kw_only=True):
    """The rendered form; ``pdf`` is ``None`` when the render failed."""

    title: str
    pdf: bytes | None
    pdf_reason: str | None


class Markdown(Schema, frozen=True, kw_only=True):
    """The plain form."""

    title: str
    markdown: str


class Html(Schema, frozen=True, kw_only=True):
    """The form for browsers; ``html`` is ``None`` in reports that are older than it."""

    title: str
    html: str | None


_COLUMNS = """id::text, run::text, topic, title, created_at, pdf_reason,
              CASE WHEN pdf IS NULL THEN 'failed' ELSE 'ready' END AS pdf"""

ONE = Statement(f"SELECT {_COLUMNS}, body FROM report WHERE id = %(id)s", ReportRow)
PDF = Statement("SELECT title, pdf, pdf_reason FROM report WHERE id = %(id)s", Pdf)
MARKDOWN = Statement("SELECT title, markdown FROM report WHERE id = %(id)s", Markdown)
HTML = Statement("SELECT title, html FROM report WHERE id = %(id)s", Html)
#: Without sections and citations: of ``topic``, with ``text`` in the title; after the report ``before``.
FIND = Statement(
    f"""SELECT {_COLUMNS}, body || '{{"sections": [], "citations": []}}'::jsonb AS body FROM report
         WHERE (%(topic)s::text IS NULL OR topic = %(topic)s)
           AND (%(text)s::text = '' OR strpos(lower(title), lower(%(text)s)) > 0)
           AND (%(before)s::uuid IS NULL OR (created_at, report.id) <
                 (SELECT b.created_at, b.id FROM report b WHERE b.id = %(before)s::uuid))
         ORDER BY created_at DESC, report.id DESC LIMIT %(limit)s""",
    ReportRow,
)
