"""``groundswell ask QUESTION``: ask an agent of the platform that runs on this machine, and print its report."""

from __future__ import annotations

import argparse

from services.cli.follow import follow
from services.cli.reach import add_json, add_port
from services.cli.words import plain
from services.solo.client import ApiClient
from shared.config.load import load
from shared.schemas.agent import AgentList
from shared.schemas.run import Run


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
    if options.question is None:
        for agent in client.get("/api/v1/agents", AgentList).agents:
            if agent.asked:
                print(plain(f"{agent.name:14} {agent.summary}"))
        return 0
    asked = {"agent": options.agent, "question": options.question, "topic": options.topic}
    made = client.post("/api/v1/operations/ask_agent", asked, Run)
    return follow(client, made, wait=not options.no_wait, as_json=options.json)
