"""Runs a contestant and says what it cost. Light: what is imported here counts as everybody's memory."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path


def run(ingest: Callable[[str, str, int], None]) -> None:
    """Call ``ingest(url, path, batch)`` as the command line says; print one JSON line.

    CPU-seconds are those of this process and its children, native threads included, from before the
    first connection to after the last commit; imports are not part of it. Peak memory is.
    """
    url, path, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    began, cpu = time.perf_counter(), _cpu_seconds()
    ingest(url, path, batch)
    seconds, cpu_seconds = time.perf_counter() - began, _cpu_seconds() - cpu
    print(json.dumps({"cpu_seconds": cpu_seconds, "seconds": seconds, "peak_mb": memory_mb("self")}))


def memory_mb(process: int | str, line: str = "VmHWM") -> float:
    """The most memory a process held so far, in megabytes.

    Not ``ru_maxrss``: a child inherits that from the process that started it.
    """
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition(f"{line}:")[2].split()[0]) / 1024


def _cpu_seconds() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)
