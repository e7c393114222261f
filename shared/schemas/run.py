"""A durable run of work (a briefing, an agent) and the report it makes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.schemas.base import Schema
from shared.schemas.chart import ReportChart

RunStatus = Literal["queued", "running", "needs_approval", "needs_human", "done", "failed", "cancelled"]
StepStatus = Literal["pending", "running", "needs_approval", "needs_human", "done", "failed", "skipped"]


class RunRequest(Schema, frozen=True, kw_only=True):
    """Ask for a briefing about one topic. ``kind`` grows with the platform."""

    topic: str
    kind: Literal["briefing"] = "briefing"


class RunStep(Schema, frozen=True, kw_only=True):
    """One step of the ledger: its result is kept, so that a resumed run does not repeat it."""

    name: str
    title: str
    status: StepStatus
    started_at: datetime | None = None
    finished_at: datetime | None = None
    detail: str | None = None


class Run(Schema, frozen=True, kw_only=True):
    """``report`` is set once the report exists; its PDF may follow or fail (see the report).

    ``needs_approval`` waits for the operator's word on one call, ``needs_human`` for somebody to look whether a call
    has happened (then retry_run). ``agent`` and ``question`` are those of an agent's run, ``pipeline`` that of a
    pipeline's; the ``topic`` of both may be empty. ``request_id`` is that of the request that asked for it last, as on
    the log lines of API and worker; none for what a schedule began.
    """

    id: str
    kind: str
    topic: str
    title: str
    status: RunStatus
    error: str | None = None
    steps: list[RunStep]
    created_at: datetime
    updated_at: datetime
    attempts: int
    report: str | None = None
    spend_nano_usd: int = 0
    agent: str | None = None
    question: str | None = None
    pipeline: str | None = None
    request_id: str | None = None


class RunList(Schema, frozen=True, kw_only=True):
    """Newest first, with their stages alone. ``next`` asks for the page after, as ``before``."""

    runs: list[Run]
    next: str | None = None


class Citation(Schema, frozen=True, kw_only=True):
    """A post a report quotes. ``number`` is its mark in the text, from 1."""

    number: int
    post: str
    author: str
    time: datetime
    url: str | None
    text: str
    languages: list[str] = []


class ReportSection(Schema, frozen=True, kw_only=True):
    """``paragraphs`` are plain text with citation marks such as [3]; never markup."""

    heading: str
    paragraphs: list[str]


class Report(Schema, frozen=True, kw_only=True):
    """A finished briefing. ``writer`` says who wrote it ("extractive": no model was asked).

    ``pdf`` is "ready", "failed" (``pdf_reason`` says why; the Markdown form is always there). ``renderer`` made the
    PDF: a render node or the built-in one; ``renderer_reason`` says why it was not the node. ``helpful`` is what was
    said of it.
    """

    id: str
    run: str
    topic: str
    title: str
    summary: str
    sections: list[ReportSection]
    citations: list[Citation]
    writer: str
    created_at: datetime
    range_start: datetime
    range_end: datetime
    pdf: Literal["ready", "failed"]
    pdf_reason: str | None = None
    pdf_pages: int | None = None
    renderer: Literal["render_node", "built_in"] | None = None
    renderer_reason: str | None = None
    charts: list[ReportChart] = []
    helpful: bool | None = None


class ReportPage(Schema, frozen=True, kw_only=True):
    """Newest first, without bodies. ``next`` asks for the page after, as ``before``."""

    reports: list[Report]
    next: str | None = None
