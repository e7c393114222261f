"""``groundswell up``: the whole platform on this machine."""

from __future__ import annotations

import argparse
import sys

import msgspec

from services.solo.once import do_main_job
from services.solo.progress import Progress
from services.solo.stack import Stack, UpOptions
from shared.config.load import load
from shared.telemetry import logs


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "--source",
        default="simulator",
        help="where posts come from: simulator, jetstream, nostr, sealed (see GROUNDSWELL_FEED_URL), or file:PATH",
    )
    parser.add_argument("--once", action="store_true", help="do the main job, print one JSON line, exit")
    parser.add_argument("--combined", action="store_true", help="relay, API and worker in one process (less memory)")
    parser.add_argument("--port", type=int, help="port of the dashboard (GROUNDSWELL_API_PORT)")
    parser.add_argument("--data", help="folder for all data (GROUNDSWELL_DATA_DIR)")
    parser.add_argument("--rate", type=float, default=50.0, help="events a second of the simulator (default 50)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the simulator")
    parser.add_argument("--history-minutes", type=int, default=60, help="history the simulator begins with")
    parser.add_argument("--faults", default="", help="faults the simulator injects")


def run(options: argparse.Namespace) -> int:
    """Start, print the address, stay until Ctrl-C; with --once do the main job instead."""
    settings = load("solo", given={"api_port": options.port, "data_dir": options.data})
    logs.configure("solo", level="warning", form="text")
    progress = Progress()
    asked = UpOptions(
        source=options.source,
        combined=options.combined,
        rate=options.rate,
        seed=options.seed,
        history_minutes=options.history_minutes,
        faults=options.faults,
    )
    stack = Stack(settings, asked, progress)
    stack.on_signals()
    try:
        stack.start()
        if options.once:
            verdict = do_main_job(stack, progress)
            print(msgspec.json.encode(verdict).decode(), flush=True)
            return 0 if verdict.main_job_done else 1
        progress.say(f"  Ready after {progress.elapsed_seconds:.1f} s. Ctrl-C stops everything.\n")
        print(f"Groundswell: {stack.entrance()}", flush=True)
        stack.run()
        return 0
    finally:
        stack.close()
        sys.stdout.flush()
