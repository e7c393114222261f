"""Keeps the children of one solo stack running: starts them in order, restarts them with backoff,
says what state each is in, and ends them in the reverse order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from services.solo.children import Child, ChildSpec, last_words
from shared.errors import DependencyError
from shared.telemetry.health import State

POLL_SECONDS = 0.05
#: A child that is not ready by then on a first start is shown to the person with its last words.
READY_SECONDS = 60.0

#: Told about every change: (child, state, reason).
Listener = Callable[[str, State, str | None], None]


class Supervisor:
    """Owns the children. All methods are called from the main thread."""

    def __init__(self, log_folder: Path, listener: Listener) -> None:
        self._log_folder, self._listener = log_folder, listener
        self._children: list[Child] = []

    @property
    def children(self) -> tuple[Child, ...]:
        """In the order they were started."""
        return tuple(self._children)

    def start(self, spec: ChildSpec, *, stopping: Callable[[], bool] = lambda: False) -> Child:
        """Start a child and wait until it is ready.

        Raises DependencyError with its last lines when it dies or is not ready in READY_SECONDS.
        """
        child = Child(spec, self._log_folder)
        self._children.append(child)
        child.start()
        deadline = time.monotonic() + READY_SECONDS
        # Work that is done once may have ended, well or for good, before anybody looked.
        while child.state not in ("running", "stopped") and not stopping():
            self.poll()
            if child.state == "restarting" or time.monotonic() > deadline:
                raise self._not_ready(child)
            time.sleep(POLL_SECONDS)
        return child

    def poll(self) -> None:
        """One round over all children; call it every POLL_SECONDS."""
        for child in self._children:
            if child.poll():
                self._listener(child.spec.name, *_as_state(child))

    def stop(self) -> list[str]:
        """End all children: the leaves together, then the others, last started first.

        Returns the names of those that had to be killed.
        """
        leaves = [child for child in reversed(self._children) if child.spec.leaf]
        others = [child for child in reversed(self._children) if not child.spec.leaf]
        killed = []
        for together in (leaves, *([child] for child in others)):
            for child in together:
                child.ask_to_stop()
            killed += [child.spec.name for child in together if not child.wait_stopped()]
        return killed

    def _not_ready(self, child: Child) -> DependencyError:
        words = "\n    ".join(last_words(child))
        full = " The disk is full: free some space." if "No space left" in words else ""
        how = f"ended with code {child.last_exit}" if child.state == "restarting" else "did not get ready"
        return DependencyError(
            f"{child.spec.name} {how}.{full}",
            why=f"Its last lines:\n    {words}\n",
            do=f"Its whole log is {self._log_folder / (child.spec.name + '.log')}",
        )


def _as_state(child: Child) -> tuple[State, str | None]:
    """A child's state in the words of health."""
    if child.state == "running":
        times = "once" if child.restarts == 1 else f"{child.restarts} times"
        return "ok", f"restarted {times}" if child.restarts else None
    if child.state == "restarting":
        said = child.last_lines[-1] if child.last_lines else "it wrote nothing"
        return "down", f"ended with code {child.last_exit}, restarting; last line: {said}"
    if child.spec.once and child.last_exit == 0:
        return "ok", "its work is done"
    if child.spec.once and child.last_exit is not None:
        return "down", " ".join(child.last_lines[-3:])
    return "down", child.state
