"""``groundswell pipeline NAME``: run a pipeline of the platform that runs on this machine, and print its report."""

from __future__ import annotations

import argparse

from services.cli.follow import follow
from services.cli.reach import add_json, add_port
from services.cli.words import plain
from services.solo.client import ApiClient
from shared.config.load import load
from shared.schemas.pipeline import PARAMETERS, PipelineList
from shared.schemas.run import Run


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which, and what about."""
    parser.add_argument("name", nargs="?", help="which pipeline; without it, they are listed")
    for parameter in PARAMETERS:
        kind = _days if parameter == "days" else str
        parser.add_argument(f"--{parameter}", type=kind, help="where the pipeline takes it")
    parser.add_argument("--no-wait", action="store_true", help="print the run's id and end")
    add_port(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Follow the run to its report. Exit codes: 1 it failed, 3 it waits for a person, 2 and 69 as all verbs."""
    client = ApiClient(load("solo", given={"api_port": options.port}), door="cli")
    if not options.name:
        for one in client.get("/api/v1/pipelines", PipelineList).pipelines:
            needs = f" (needs --{' or --'.join(one.needs)})" if one.needs else ""
            print(plain(f"{one.name:16} {one.summary}{needs}"))
        return 0
    given = {name: getattr(options, name) for name in PARAMETERS if getattr(options, name) is not None}
    made = client.post("/api/v1/operations/run_pipeline", {"pipeline": options.name, **given}, Run)
    return follow(client, made, wait=not options.no_wait, as_json=options.json)


def _days(text: str) -> int:
    """Whole days; the API takes 0 for none given, which nobody means who writes it."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days; give one from 1 on")
    return int(text)
