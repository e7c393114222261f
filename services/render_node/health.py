"""What the node says of itself: state, reason and since, on its own clock."""

from __future__ import annotations

import shutil
import threading
import time
from datetime import UTC, datetime

from services.render_node import processes
from services.render_node.jobs import Jobs
from services.render_node.program import Program
from shared.contracts.render_jobs import LastRender, NodeHealth, NodeState
from shared.telemetry.version import installed_version


class Health:
    """Kept by the runner, read by the door. Thread-safe."""

    def __init__(self, command: str, jobs: Jobs, program: Program, queue_limit: int) -> None:
        self._command, self._jobs, self._program, self._limit = command, jobs, program, queue_limit
        self._lock = threading.Lock()
        self._state: tuple[NodeState, str | None] = ("ok", None)
        self._since = _now()
        self._last: LastRender | None = None
        self._trouble: str | None = None
        self._began: float | None = None

    def begun(self) -> None:
        """A job runs now."""
        with self._lock:
            self._began = time.monotonic()

    def ended(self, seconds: float, reason: str | None, *, counted: bool) -> None:
        """It ended. A job that was called off says nothing about the node, and is not ``counted``."""
        with self._lock:
            self._began = None
            if counted:
                self._last = LastRender(
                    at=_now(), outcome="failed" if reason else "done", seconds=round(seconds, 3), reason=reason
                )

    def trouble(self, reason: str | None) -> None:
        """Whether nothing can be rendered at all, and why."""
        with self._lock:
            self._trouble = reason

    def state(self) -> NodeState:
        """The state alone, as anybody may know it."""
        with self._lock:
            return self._judge()[0]

    def why_not(self) -> str | None:
        """Why nothing can be rendered, or ``None``."""
        with self._lock:
            state, reason = self._judge()
        return (reason or "It is down.") if state == "down" else None

    def full(self) -> NodeHealth:
        """Everything."""
        program = self._program.state()
        with self._lock:
            state, reason = self._judge()
            return NodeHealth(
                state=state,
                reason=reason,
                since=self._since,
                version=installed_version(),
                queued=self._jobs.waiting(),
                queue_limit=self._limit,
                running_seconds=None if self._began is None else round(time.monotonic() - self._began, 3),
                program="running" if program == "running" else "stopped" if program == "stopped" else "none",
                last=self._last,
                free_memory_bytes=processes.free_memory_bytes(),
            )

    def _judge(self) -> tuple[NodeState, str | None]:
        judged: tuple[NodeState, str | None] = ("ok", None)
        if shutil.which(self._command) is None:
            judged = ("down", "The render command is not installed here.")
        elif self._trouble:
            judged = ("down", self._trouble)
        elif self._last and self._last.outcome == "failed":
            judged = ("degraded", f"The last render failed. {self._last.reason}")
        if judged[0] != self._state[0]:
            self._since = _now()
        self._state = judged
        return judged


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
