"""A worker process that stands still at one point of a run, so that a test can end it exactly there.

``python -m tests.support.worker_process POSTGRES_URL VALKEY_URL POINT JOURNAL [SETTINGS]``. POINT is
``STEP:begun``, ``STEP:worked`` or ``STEP:done``. The journal gets a line for each step worked on and
``halted`` when the point is reached.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from services.worker.entry import run
from services.worker.pipelines.durable import DurableRun
from shared.config.settings import Settings
from shared.telemetry import logs
from tests.support.runs import QUICK


def watch_steps(note: Callable[[str], None], halt: Callable[[str], None]) -> None:
    """Let ``note`` see each piece of work done and ``halt`` each point passed."""
    original = DurableRun.step

    def step(self: DurableRun, name: str, result: Any, work: Callable[[], Any]) -> Any:
        def watched() -> Any:
            note(name)
            halt(f"{name}:begun")
            produced = work()
            halt(f"{name}:worked")
            return produced

        value = original(self, name, result, watched)
        halt(f"{name}:done")
        return value

    DurableRun.step = step  # type: ignore[method-assign]


def main() -> None:
    postgres_url, valkey_url, point, journal, *more = sys.argv[1:]
    settings = msgspec.json.decode(more[0]) if more else {}

    def note(line: str) -> None:
        with Path(journal).open("a") as file:
            file.write(f"{line}\n")

    def halt(where: str) -> None:
        if where == point:
            note("halted")
            threading.Event().wait()

    watch_steps(note, halt)
    logs.configure("worker", level="warning", form="json")
    run(Settings(postgres_url=postgres_url, valkey_url=valkey_url, **settings), threading.Event(), timings=QUICK)


if __name__ == "__main__":
    main()
