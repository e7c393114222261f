"""``up --once``: does the main job on the running stack, through its public interfaces, and measures it.

The verdict counts what the simulator served against what the database holds; nothing is estimated.
"""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from services.solo.client import ApiClient
from services.solo.progress import Progress
from services.solo.stack import Stack
from services.solo.verdict import Verdict, count
from shared.errors import DependencyError, GroundswellError
from shared.schemas.run import Report, Run
from shared.schemas.search import SearchResult
from shared.schemas.topic import Topic, TopicList

T = TypeVar("T")

#: Longest wait for each part of the main job.
PATIENCE_SECONDS = 240.0
RETRY_SECONDS = 0.3


class BriefingFailed(GroundswellError):
    """The run ended as failed: waiting longer does not help."""


def do_main_job(stack: Stack, progress: Progress) -> Verdict:
    """Wait for topics, search by meaning, have a briefing made, fetch its PDF, and count.

    Raises DependencyError naming the part that did not happen in PATIENCE_SECONDS.
    """
    client = _Client(stack)
    with progress.step("Waiting for topics to gain momentum"):
        topics = client.until("a topic", lambda: client.get("/api/v1/topics", TopicList).topics)
    first_insight_seconds = progress.elapsed_seconds
    with progress.step("Searching by meaning"):
        hits = client.until("search by meaning", lambda: _search(client, topics[0]))
    with progress.step("Making a briefing"):
        run = client.post("/api/v1/runs", {"topic": topics[0].id}, Run)
        run = client.until("the briefing", lambda: _finished(client, run.id))
        report = client.get(f"/api/v1/reports/{run.report}", Report)
        pdf = client.raw(f"/api/v1/reports/{report.id}/pdf")
    path = _keep(stack, report, pdf)
    with progress.step("Counting what was served against what is stored"):
        counted = count(stack)
    return msgspec.structs.replace(
        counted,
        first_insight_s=round(first_insight_seconds, 1),
        topics=[topic.label for topic in client.get("/api/v1/topics", TopicList).topics] or [topics[0].label],
        search_hits=hits,
        report=str(path),
        spend_usd=run.spend_nano_usd / 1e9,
    )


def _search(client: _Client, topic: Topic) -> int:
    """Number of hits that meaning found; 0 while meaning is not ready yet."""
    query = urllib.parse.urlencode({"q": topic.label, "limit": 20})
    result = client.get(f"/api/v1/search?{query}", SearchResult)
    return sum("meaning" in hit.matched for hit in result.hits)


def _finished(client: _Client, run_id: str) -> Run | None:
    run = client.get(f"/api/v1/runs/{run_id}", Run)
    if run.status == "failed":
        raise BriefingFailed("The briefing failed.", why=run.error or "")
    return run if run.status == "done" else None


def _keep(stack: Stack, report: Report, pdf: bytes) -> Path:
    if not pdf.startswith(b"%PDF-"):
        raise DependencyError("The briefing's PDF is not a PDF.")
    path = stack.folder.sub("reports") / f"briefing-{report.id}.pdf"
    path.write_bytes(pdf)
    return path


class _Client(ApiClient):
    """The API, with patience while services warm up."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack.settings)
        self._stack = stack

    def until(self, what: str, attempt: Callable[[], T | None]) -> T:
        """Repeat ``attempt`` until it gives something true, looking after the children meanwhile."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        problem: DependencyError | None = None
        while time.monotonic() < deadline and not self._stack.stop.is_set():
            try:
                if found := attempt():
                    return found
            except DependencyError as error:
                problem = error
            self._stack.watch(RETRY_SECONDS)
        why = "It was interrupted." if self._stack.stop.is_set() else f"Waited {PATIENCE_SECONDS:.0f} s."
        raise DependencyError(f"There was no {what}.", why=f"{why} {problem or ''}".strip())
