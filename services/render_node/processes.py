"""What a command started, how much memory it holds, and ending all of it. The only user of psutil."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

#: How long killed processes get to vanish.
GONE_SECONDS = 5.0


class Tree:
    """Everything a command started, the command included: its descendants and whoever is in its session.

    A process seen once is remembered, so that one that leaves session and parents does not escape.
    """

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._seen: dict[int, psutil.Process] = {}
        with contextlib.suppress(psutil.Error):
            self._seen[leader] = psutil.Process(leader)

    def members(self) -> list[psutil.Process]:
        """Those alive now."""
        everyone = list(psutil.process_iter(["ppid"]))
        kept = {pid: process for pid, process in self._seen.items() if process.is_running()}
        for process in everyone:
            if process.pid not in kept and _session(process.pid) == self._leader:
                kept[process.pid] = process
        grown = True
        while grown:
            grown = False
            for process in everyone:
                if process.pid not in kept and process.info["ppid"] in kept:
                    kept[process.pid] = process
                    grown = True
        self._seen = kept
        return [process for process in kept.values() if _alive(process)]

    def resident_bytes(self) -> int:
        """Memory that all of them hold."""
        return resident_bytes(self.members())

    def kill(self) -> None:
        """End all of them, those they start meanwhile included."""
        kill(self.members)


def named(name: str) -> list[psutil.Process]:
    """Our user's processes with exactly this name."""
    found = []
    for process in psutil.process_iter(["name", "uids"]):
        uids = process.info["uids"]
        if process.info["name"] == name and uids and uids.real == os.getuid() and _alive(process):
            found.append(process)
    return found


def resident_bytes(processes: list[psutil.Process]) -> int:
    """Memory that these processes hold."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def oldest_start(processes: list[psutil.Process]) -> float | None:
    """When the oldest of them began, in seconds since 1970; ``None`` when there is none."""
    starts = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            starts.append(process.create_time())
    return min(starts, default=None)


def free_memory_bytes() -> int:
    """Memory that could be had without swapping."""
    return int(psutil.virtual_memory().available)


def kill(find: Callable[[], list[psutil.Process]]) -> bool:
    """Kill whatever ``find()`` gives until it gives nothing; whether that came about in time."""
    deadline = time.monotonic() + GONE_SECONDS
    while processes := find():
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if time.monotonic() > deadline:
            return False
        psutil.wait_procs(processes, timeout=0.1)
    return True


class _Left(msgspec.Struct):
    pid: int
    started: float


def remember(path: Path, leader: int) -> None:
    """Write down that a command runs, for whoever comes after a crash of ours."""
    with contextlib.suppress(psutil.Error):
        path.write_bytes(msgspec.json.encode(_Left(leader, psutil.Process(leader).create_time())))


def end_left_behind(path: Path) -> bool:
    """End the command that a node that was killed left running; whether there was one."""
    try:
        left = msgspec.json.decode(path.read_bytes(), type=_Left)
        path.unlink()
        if abs(psutil.Process(left.pid).create_time() - left.started) > 1.0:
            return False  # the number was given to another process meanwhile
    except (OSError, msgspec.DecodeError, psutil.Error):
        return False
    Tree(left.pid).kill()
    return True


def _session(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return None


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
