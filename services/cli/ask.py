"""``groundswell ask QUESTION``: ask an agent of the platform that runs on this machine, and print its report."""

from __future__ import annotations

import argparse
import time

import msgspec

from services.cli.reach import add_json, add_port
from services.cli.words import plain
from services.solo.client import ApiClient
from shared.config.load import load
from shared.errors import GroundswellError
from shared.schemas.agent import AgentList, RunEvents
from shared.schemas.business import ReportUse
from shared.schemas.run import Report, Run

POLL_SECONDS = 0.5
_OVER = ("done", "failed", "cancelled")
_WAITS = ("needs_approval", "needs_human")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The question, and whom."""
    parser.add_argument("question", nargs="?", help="what you want to know; without it, the agents are listed")
    parser.add_argument("--agent", default="researcher", help="whom to ask (default researcher)")
    parser.add_argument("--topic", default="", help="id of the topic that it is about")
    parser.add_argument("--no-wait", action="store_true", help="print the run's id and end")
    add_port(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Follow the run to its report. Exit codes: 1 it failed, 3 it waits for a person, 2 and 69 as all verbs."""
    client = ApiClient(load("solo", given={"api_port": options.port}), door="cli")
    if not options.question:
        for agent in client.get("/api/v1/agents", AgentList).agents:
            print(plain(f"{agent.name:14} {agent.summary}"))
        return 0
    asked = {"agent": options.agent, "question": options.question, "topic": options.topic}
    made = client.post("/api/v1/operations/ask_agent", asked, Run)
    if options.no_wait:
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
            if not options.json:
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
    print(msgspec.json.encode(report).decode() if options.json else "\n".join(_lines(report)))
    return 0


def _lines(report: Report) -> list[str]:
    lines = ["", report.title, "", report.summary]
    for section in report.sections:
        lines += ["", section.heading, *(f"- {paragraph}" for paragraph in section.paragraphs)]
    if report.citations:
        lines += ["", "Posts"]
        lines += [f"[{c.number}] {c.time:%Y-%m-%d %H:%M} {c.author}: {c.text}" for c in report.citations]
    return [plain(line) for line in [*lines, "", f"Written by {report.writer}. Report {report.id}"]]
