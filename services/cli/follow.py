"""Follows a run from the terminal to its report."""

from __future__ import annotations

import time

import msgspec

from services.cli.words import plain
from services.solo.client import ApiClient
from shared.errors import GroundswellError
from shared.schemas.agent import RunEvents
from shared.schemas.business import ReportUse
from shared.schemas.run import Report, Run

POLL_SECONDS = 0.5
_OVER = ("done", "failed", "cancelled")
_WAITS = ("needs_approval", "needs_human")


def follow(client: ApiClient, made: Run, *, wait: bool, as_json: bool) -> int:
    """Print what the run does and its report; without ``wait`` its id. 3 when it waits for a person.

    Raises GroundswellError for a run that came to no report.
    """
    if not wait:
        print(made.id)
        return 0
    after = -1
    status: str = made.status
    while status not in _OVER + _WAITS:
        time.sleep(POLL_SECONDS)
        events = client.get(f"/api/v1/runs/{made.id}/events?after={after}", RunEvents)
        status = events.status
        for event in events.events:
            if event.status not in ("done", "failed"):
                break
            after = event.n
            if not as_json:
                print(plain(f"  {event.title}: {event.detail or event.status}"), flush=True)
    ended = client.get(f"/api/v1/runs/{made.id}", Run)
    if ended.status in _WAITS:
        for step in ended.steps:
            if step.status in _WAITS:
                print(plain(step.detail or step.title))
        print(f"The run is {ended.id}; its report comes once that is settled: groundswell op run --run {ended.id}")
        return 3
    if ended.report is None:
        raise GroundswellError(f"The run {ended.id} is {ended.status}.", why=ended.error or "")
    report = client.get(f"/api/v1/reports/{ended.report}", Report)
    client.post("/api/v1/operations/open_report", {"report": ended.report}, ReportUse)
    print(msgspec.json.encode(report).decode() if as_json else "\n".join(_lines(report)))
    return 0


def _lines(report: Report) -> list[str]:
    lines = ["", report.title, "", report.summary]
    for section in report.sections:
        lines += ["", section.heading, *(f"- {paragraph}" for paragraph in section.paragraphs)]
    if report.citations:
        lines += ["", "Posts"]
        lines += [f"[{c.number}] {c.time:%Y-%m-%d %H:%M} {c.author}: {c.text}" for c in report.citations]
    return [plain(line) for line in [*lines, "", f"Written by {report.writer}. Report {report.id}"]]
