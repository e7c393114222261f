"""Measures the containers of ``make up`` as they run, by what Docker says of them."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

import psutil

from infra.cost.measured import Run, Use
from infra.cost.record import SQL, Counts
from infra.stack import ROOT, Stop, find_compose

_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
#: What Compose names them, and what they are called here.
_NAMES = {"redis": "valkey"}
SAMPLE_SECONDS = 5.0


def measure(posts_asked: float, seconds: float) -> Run:
    """The stack as it runs now, for so long. Raises Stop where Docker or the stack is missing."""
    compose = find_compose()
    services = _services(compose)
    if not {"postgres", "relay", "api", "worker"} <= {*services.values()}:
        raise Stop("The stack in containers does not run. Start it first: make up")
    before, began = _counts(compose), time.monotonic()
    memory: dict[str, list[float]] = defaultdict(list)
    cores: dict[str, list[float]] = defaultdict(list)
    while time.monotonic() - began < seconds:
        for name, held, used in _sample(services):
            memory[name].append(held)
            cores[name].append(used)
        time.sleep(SAMPLE_SECONDS)
    took, after = time.monotonic() - began, _counts(compose)
    return Run(
        combined=False,
        posts_asked=posts_asked,
        seconds=round(took, 1),
        warm_seconds=0,
        events=after.events - before.events,
        posts=after.posts - before.posts,
        vectors=after.vectors - before.vectors,
        disk_bytes=after.disk_bytes - before.disk_bytes,
        vector_bytes=after.vector_bytes - before.vector_bytes,
        load=round(psutil.getloadavg()[0], 2),
        busy=0,
        services=[
            Use(name, int(statistics.fmean(memory[name])), int(max(memory[name])), statistics.fmean(cores[name]))
            for name in memory
        ],
    )


def in_bytes(text: str) -> float:
    """Docker's "57.53MiB" as bytes. ValueError for anything else."""
    found = re.fullmatch(r"([\d.]+)([a-zA-Z]+)", text.strip())
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{text!r} is no size")
    return float(found[1]) * _UNITS[found[2]]


def _services(compose: Sequence[str]) -> dict[str, str]:
    """Service by container id."""
    said = _run([*compose, "ps", "--format", "json"])
    return {row["ID"][:12]: row["Service"] for row in map(json.loads, said.splitlines())}


def _sample(services: Mapping[str, str]) -> list[tuple[str, float, float]]:
    """Name, bytes and cores of each. Docker takes two seconds of its own for it."""
    said = _run(["docker", "stats", "--no-stream", "--format", "{{json .}}", *services])
    return [
        (
            _NAMES.get(services[row["ID"][:12]], services[row["ID"][:12]]),
            in_bytes(row["MemUsage"].partition("/")[0]),
            float(row["CPUPerc"].rstrip("%")) / 100,
        )
        for row in map(json.loads, said.splitlines())
    ]


def _counts(compose: Sequence[str]) -> Counts:
    ask = ["exec", "-T", "postgres", "psql", "-U", "groundswell", "-d", "groundswell", "-At", "-F", " ", "-c", SQL]
    return Counts(**dict(zip(Counts.__struct_fields__, map(int, _run([*compose, *ask]).split()), strict=True)))


def _run(command: Sequence[str]) -> str:
    said = subprocess.run([*command], cwd=ROOT, capture_output=True, text=True, check=False)
    if said.returncode:
        raise Stop(f"{' '.join(command[:3])} failed: {said.stderr.strip()[-500:]}")
    return said.stdout
