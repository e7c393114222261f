"""Writing a report. One a run: a second insert for the same run changes nothing."""

from __future__ import annotations

from shared.store.database import Command

INSERT = Command(
    """INSERT INTO report (id, run, topic, title, body, markdown, html, pdf, pdf_reason, created_at)
       VALUES (%(id)s, %(run)s, %(topic)s, %(title)s, %(body)s::jsonb, %(markdown)s, %(html)s, %(pdf)s,
               %(pdf_reason)s, %(created_at)s)
       ON CONFLICT (run) DO NOTHING"""
)
