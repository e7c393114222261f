"""Run the render command once: no shell, a session of its own, limits on time, memory and what it writes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from services.render_node import processes
from services.render_node.processes import Tree
from shared.config.load import foreign_environment

#: A command may say so much; more is a loop.
MOST_LOG_BYTES = 16 * 1024 * 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one render may take. Memory is what the command's processes and the publishing program hold together."""

    seconds: float
    memory_bytes: int
    watch_seconds: float


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended: ``reason`` is ``None`` when it went well. ``suspect``: the program may be in a bad state."""

    reason: str | None = None
    suspect: bool = False


def run(
    words: Sequence[str],
    folder: Path,
    limits: Limits,
    *,
    note: Path,
    beside: Callable[[], int],
    stop: Callable[[], bool],
) -> Ended:
    """Run ``words`` in ``folder`` until it ends or must be ended. Whatever it left running is ended too.

    ``note`` is where the process is written down while it runs; ``beside()`` gives memory held elsewhere on its
    behalf; ``stop()`` says that nobody wants it any more.
    """
    log = folder / "log.txt"
    with log.open("wb") as said:
        try:
            child = subprocess.Popen(
                list(words),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=foreign_environment(),  # without our settings, and so without our secret
            )
        except OSError as error:
            return Ended(reason=f"The render command could not be started: {error.strerror}.")
        tree = Tree(child.pid)
        processes.remember(note, child.pid)
        try:
            ended = _watch(child, tree, log, limits, beside, stop)
        finally:
            tree.kill()
            child.wait()
            note.unlink(missing_ok=True)
    return ended


def _watch(
    child: subprocess.Popen[bytes],
    tree: Tree,
    log: Path,
    limits: Limits,
    beside: Callable[[], int],
    stop: Callable[[], bool],
) -> Ended:
    began = time.monotonic()
    while _runs(child, limits.watch_seconds):
        if stop():
            return Ended(reason="It was called off.", suspect=True)
        if time.monotonic() - began > limits.seconds:
            return Ended(reason=f"The render command took over {limits.seconds:g} seconds and was ended.", suspect=True)
        if tree.resident_bytes() + beside() > limits.memory_bytes:
            most = limits.memory_bytes // 1024**2
            return Ended(reason=f"The render command held more than {most} MB and was ended.", suspect=True)
        if log.stat().st_size > MOST_LOG_BYTES:
            return Ended(reason="The render command wrote without end and was ended.", suspect=True)
    if child.returncode < 0:
        return Ended(reason=f"The render command was ended by signal {-child.returncode}.", suspect=True)
    if child.returncode:
        return Ended(reason=f"The render command failed with code {child.returncode}: {_last_line(log)}")
    return Ended()


def _runs(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it still runs after waiting so long for its end."""
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _last_line(log: Path) -> str:
    """The last thing it said, as one short printable line."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2000))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    line = "".join(character for character in (lines[-1] if lines else "") if character.isprintable())
    return f"{line[:300] or 'it said nothing'}."
