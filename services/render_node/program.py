"""A publishing program that stays open between jobs, as InDesign does: started, stopped, replaced when it must be.

All of it is called from the runner's thread alone. The program is known by its exact process name, because what
starts it (``open`` on macOS) is not its parent.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from datetime import datetime
from datetime import time as clock
from pathlib import Path

import msgspec

from services.render_node import locks, metrics, processes
from shared.config.load import foreign_environment
from shared.errors import DependencyError
from shared.telemetry import logs


class ProgramFailed(DependencyError):
    """The publishing program could not be started."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` empty: there is no such program. ``restart_at`` by the node's own clock."""

    name: str = ""
    start: Sequence[str] = ()
    stop: Sequence[str] = ()
    lock_patterns: Sequence[str] = ()
    restart_at: clock | None = None
    seconds: float = 60.0


class Program:
    """The program that ``plan`` describes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._next = _next(plan.restart_at, datetime.now().astimezone())

    def running(self) -> bool:
        """Whether a process of that name lives."""
        return bool(self._plan.name and processes.named(self._plan.name))

    def state(self) -> str:
        """For health: ``none``, ``running`` or ``stopped``."""
        return "none" if not self._plan.name else "running" if self.running() else "stopped"

    def resident_bytes(self) -> int:
        """Memory it holds; 0 without one."""
        return processes.resident_bytes(processes.named(self._plan.name)) if self._plan.name else 0

    def prepare(self) -> None:
        """Before a job: stale locks are gone and the program runs. Raises ProgramFailed."""
        held_since = processes.oldest_start(processes.named(self._plan.name)) if self._plan.name else None
        removed = locks.clear(self._plan.lock_patterns, held_since)
        if removed:
            metrics.LOCKS_REMOVED.inc(len(removed))
            logs.get(__name__).warning("stale_locks_removed", files=[str(path) for path in removed])
        if self._plan.name and not self.running():
            self._start()

    def due(self, now: datetime) -> bool:
        """Whether the nightly restart's time has come; once each night."""
        if self._next is None or now < self._next:
            return False
        self._next = _next(self._plan.restart_at, now)
        return True

    def restart(self, why: str) -> None:
        """Stop it, with force if it must be, and start it anew. Raises ProgramFailed."""
        if not self._plan.name:
            return
        logs.get(__name__).warning("program_restarted", why=why)
        metrics.PROGRAM_RESTARTS.labels(why).inc()
        self.stop()
        self.prepare()

    def stop(self) -> None:
        """Ask it to quit; kill it when it does not."""
        if self._plan.stop and self.running():
            self._call(self._plan.stop)
            self._wait(gone=True)
        processes.kill(lambda: processes.named(self._plan.name))

    def _start(self) -> None:
        self._call(self._plan.start)
        if not self._wait(gone=False):
            raise ProgramFailed(
                f"The publishing program {self._plan.name} could not be started.",
                why=f"No process of that name was there after {self._plan.seconds:g} seconds.",
            )

    def _call(self, words: Sequence[str]) -> None:
        """Run a command of the plan to its end. What it says and whether it fails is judged by what follows."""
        try:
            subprocess.run(
                list(words),
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self._plan.seconds,
                start_new_session=True,
                cwd=Path("/"),
                env=foreign_environment(),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            logs.get(__name__).warning("program_command_failed", command=words[0], error=str(error))

    def _wait(self, *, gone: bool) -> bool:
        deadline = time.monotonic() + self._plan.seconds
        while self.running() == gone:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def _next(at: clock | None, now: datetime) -> datetime | None:
    """The next moment after ``now`` at which a local clock shows ``at``."""
    if at is None:
        return None
    today = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    if today > now:
        return today
    tomorrow = datetime.fromordinal(today.toordinal() + 1).replace(hour=at.hour, minute=at.minute)
    return tomorrow.astimezone(now.tzinfo)
