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
from collections import deque
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
from tests.support.agents import TIMINGS, model_settings, workplace, writer_agent

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
#: Workers that are under way at the same time: each mostly waits for PostgreSQL and the API.
TOGETHER = 4


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


def do(settings: Settings, runs: Sequence[str]) -> None:
    """What a worker does with the runs."""
    database = Database(settings, name="killed", size=4)
    database.open()
    with workplace(settings, database, {"writer": writer_agent()}) as work:
        for run in runs:
            work(run)
    database.close()


def main() -> None:
    postgres, valkey, api, fake, folder, runs = sys.argv[1:]
    logs.configure("worker", level="error", form="json")
    settings = Settings(postgres_url=postgres, valkey_url=valkey, agents_api_url=api)
    settings = msgspec.structs.replace(settings, **model_settings(Path(folder), fake))
    kill_each(POINTS, runs.split(","), lambda runs: do(settings, runs))


def kill_each(points: Sequence[str], runs: Sequence[str], do: Callable[[Sequence[str]], None]) -> None:
    """Kill a worker of each run at its point, a few beside each other; then do what is left of all."""
    begun: deque[_Child] = deque()
    try:
        for point, run in zip(points, runs, strict=True):
            if len(begun) == TOGETHER:
                begun.popleft().kill()
            begun.append(_Child(point, run, do))
        while begun:
            begun.popleft().kill()
    finally:
        for child in begun:
            child.end()
    time.sleep(TIMINGS.lease_seconds + 0.2)  # the last one's lease
    do(runs)


class _Child:
    """A process that does ``run`` and stands still at ``point``."""

    def __init__(self, point: str, run: str, do: Callable[[Sequence[str]], None]) -> None:
        assert threading.active_count() == 1
        self._point = point
        self._reading, writing = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            faulthandler.dump_traceback_later(60)
            halt_at(point, writing)
            do([run])
            os._exit(1)
        os.close(writing)

    def kill(self) -> None:
        """Once it stands there."""
        reached = os.read(self._reading, 1) == b"x"
        self.end()
        assert reached, f"{self._point} was not reached"

    def end(self) -> None:
        """Wherever it is."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._reading)


if __name__ == "__main__":
    main()
