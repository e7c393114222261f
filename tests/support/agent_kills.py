"""Runs of agents whose worker is killed at one point each, and then done by another one.

``python -m tests.support.agent_kills POSTGRES_URL VALKEY_URL API_URL FAKE_URL FOLDER RUN,RUN,...``: a run a point. The
process forks for each point, so that the libraries are loaded once; it has no threads while it does. A child stands
still at its point and is ended by SIGKILL there. At the end this process does what is left of all of them.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from services.worker.agents.hands import Hands
from services.worker.agents.steps import Steps
from services.worker.llm.budget import Budget
from services.worker.llm.providers.wire import WireProvider
from services.worker.pipelines.durable import DurableRun
from shared.config.settings import Settings
from shared.store.database import Database
from shared.telemetry import logs
from tests.support.agents import model_settings, workplace, writer_agent

#: After what a worker dies. "dispatched" is on its way to the model, "billed" before the ledger knows what it cost,
#: "answered" before the step is done. Steps: 1 asks, 2 calls, 3 asks, then the report.
POINTS = (
    "token",
    "intended 1",
    "dispatched",
    "billed",
    "answered 1",
    "done 1",
    "intended 2",
    "called 2",
    "done 2",
    "intended 3",
    "answered 3",
    "done 3",
    "report begun",
    "report worked",
    "report done",
)
#: Where an answer that is paid for is gone with its worker.
LOSING = ("dispatched", "billed")


def halt_at(point: str, pipe: int) -> None:
    """Make the runtime stand still at ``point``, and say so."""

    def reached(where: str) -> None:
        if where == point:
            os.write(pipe, b"x")
            while True:
                time.sleep(60)

    def after(home: type, name: str, where: Callable[[Any], str]) -> None:
        original = getattr(home, name)

        def method(self: Any, *args: Any, **options: Any) -> Any:
            value = original(self, *args, **options)
            reached(where(self))
            return value

        setattr(home, name, method)

    def after_async(home: type, name: str, where: str) -> None:
        original = getattr(home, name)

        async def method(self: Any, *args: Any, **options: Any) -> Any:
            value = await original(self, *args, **options)
            reached(where)
            return value

        setattr(home, name, method)

    after(Steps, "__init__", lambda _: "token")
    after(Steps, "_enter", lambda steps: f"intended {steps._seq}")
    after(Steps, "_done", lambda steps: f"done {steps._seq}")
    after(Hands, "call", lambda _: "called 2")
    wait = Steps._wait

    def waiting(self: Any, approval: str) -> None:
        try:
            wait(self, approval)
        finally:
            reached("parked")

    Steps._wait = waiting  # type: ignore[method-assign]
    after_async(Budget, "dispatch", "dispatched")
    after_async(WireProvider, "send", "billed")
    init = Steps.__init__

    def watched(self: Any, database: Any, run: Any, hands: Any, complete: Any, after: int = 0) -> None:
        def answering(request: Any) -> Any:
            answer = complete(request)
            reached(f"answered {self._seq}")
            return answer

        init(self, database, run, hands, answering, after)

    Steps.__init__ = watched  # type: ignore[method-assign]
    step = DurableRun.step

    def stepped(self: Any, name: str, result: Any, work: Any) -> Any:
        def worked() -> Any:
            reached(f"{name} begun")
            produced = work()
            reached(f"{name} worked")
            return produced

        value = step(self, name, result, worked)
        reached(f"{name} done")
        return value

    DurableRun.step = stepped  # type: ignore[method-assign]


def do(settings: Settings, run: str) -> None:
    """What a worker does with the run."""
    database = Database(settings, name="killed", size=4)
    database.open()
    with workplace(settings, database, {"writer": writer_agent()}) as work:
        work(run)
    database.close()


def main() -> None:
    postgres, valkey, api, fake, folder, runs = sys.argv[1:]
    logs.configure("worker", level="error", form="json")
    settings = Settings(postgres_url=postgres, valkey_url=valkey, agents_api_url=api)
    settings = msgspec.structs.replace(settings, **model_settings(Path(folder), fake))
    kill_each(POINTS, runs.split(","), lambda run: do(settings, run))


def kill_each(points: Sequence[str], runs: Sequence[str], do: Callable[[str], None]) -> None:
    """Kill a worker of each run at its point; then do what is left of all."""
    for point, run in zip(points, runs, strict=True):
        assert threading.active_count() == 1
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            faulthandler.dump_traceback_later(60)
            halt_at(point, writing)
            do(run)
            os._exit(1)
        os.close(writing)
        assert os.read(reading, 1) == b"x", f"{point} was not reached"
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
    time.sleep(1.2)  # the last one's lease
    for run in runs:
        do(run)


if __name__ == "__main__":
    main()
