"""What trees of processes use, from the kernel's own accounts."""

from __future__ import annotations

import contextlib

import msgspec
import psutil


class Sample(msgspec.Struct, frozen=True):
    """Of one moment: memory in bytes, and CPU-seconds since the start."""

    memory: int
    cpu: float


def of_tree(pid: int) -> Sample:
    """A process and all below it. CPU-seconds of children that ended are their parent's once it has looked after them.

    Memory is what a container would hold that runs this tree alone: of one process all its resident pages, of several
    (PostgreSQL) their proportional shares, since they share pages with each other.
    """
    root = psutil.Process(pid)
    sizes: list[tuple[int, int]] = []
    cpu = 0.0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            memory = process.memory_full_info()
            times = process.cpu_times()
            sizes.append((memory.rss, memory.pss))
            cpu += times.user + times.system + times.children_user + times.children_system
    return Sample(sizes[0][0] if len(sizes) == 1 else sum(pss for _, pss in sizes), cpu)


def machine_cpu() -> float:
    """CPU-seconds that this machine has spent on anything at all."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - getattr(times, "guest", 0.0))
