"""What worker and render node say to each other. The wire is described in ``docs/render-node.md``."""

from __future__ import annotations

from typing import Any, Literal

from shared.schemas.base import Schema

#: A job's body, and a PDF, may be no larger.
MOST_JOB_BYTES = 16 * 1024 * 1024
MOST_PDF_BYTES = 32 * 1024 * 1024
MOST_ASSETS = 16

JobState = Literal["queued", "running", "done", "failed"]
NodeState = Literal["ok", "degraded", "down"]
AssetType = Literal["image/svg+xml", "image/png", "image/jpeg"]


class Asset(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture that goes with a report. ``label`` says what it is and is never a path."""

    label: str
    media_type: AssetType
    data: bytes


class RenderJob(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One report to print. ``report`` is ``services.worker.render.document.Document`` as JSON."""

    report: dict[str, Any]
    assets: list[Asset] = []


class JobStatus(Schema, frozen=True, kw_only=True):
    """How a job is. ``reason`` says why it failed; ``pages`` is known once it is done."""

    id: str
    state: JobState
    reason: str | None = None
    pages: int | None = None


class LastRender(Schema, frozen=True, kw_only=True):
    """How the newest render ended. ``at`` is the node's clock, ISO 8601 in UTC."""

    at: str
    outcome: Literal["done", "failed"]
    seconds: float
    reason: str | None = None


class NodeHealth(Schema, frozen=True, kw_only=True):
    """What a render node says of itself to those who sign. Unsigned requests get ``state`` alone."""

    state: NodeState
    reason: str | None = None
    since: str
    version: str
    queued: int
    queue_limit: int
    running_seconds: float | None = None
    program: Literal["none", "running", "stopped"] = "none"
    last: LastRender | None = None
    free_memory_bytes: int


class Refusal(Schema, frozen=True, kw_only=True):
    """Why a request was not carried out."""

    reason: str
