"""Monthly bills, from what was measured and what is asked for it. No I/O but reading the prices."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from infra.cost.measured import Measured, Run
from shared.config.fields import by_name

PRICES = Path(__file__).with_name("prices.toml")
GB, DAY_SECONDS = 1e9, 86_400
#: A machine of one's own needs room for the system, and for what was not measured: so many times memory and cores.
SYSTEM_GB, ROOM, CORE_ROOM = 0.5, 1.5, 1.25


class Vps(msgspec.Struct, frozen=True):
    """A size on offer."""

    name: str
    cores: float
    gb_memory: float
    gb_disk: float
    month: float


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """One way to run at ``rate`` posts a second, dollars a month.

    ``cores`` embed every post, ``disk_gb`` keeps posts for the default retention. ``compute`` is memory and processor,
    ``disk`` the volumes, ``month`` what is paid.
    """

    way: str
    rate: float
    memory_gb: float
    cores: float
    disk_gb: float
    compute: float
    disk: float
    month: float
    remark: str = ""


def prices(path: Path = PRICES) -> dict[str, Any]:
    """The price list."""
    return tomllib.loads(path.read_text("utf-8"))


def bills(measured: Measured, listed: dict[str, Any]) -> Iterator[Bill]:
    """Every way at every rate that was measured, in one order."""
    for rate in dict.fromkeys(run.posts_asked for run in measured.runs):
        for run in (run for run in measured.runs if run.posts_asked == rate):
            who = "relay, API and worker in one (staging)" if run.combined else "a service each"
            yield _railway(f"Railway, {who}", run, listed, hosted=True)
            yield _railway(f"Railway, {who}; Qdrant's free cluster, static host", run, listed, hosted=False)
            yield _vps(run, listed)


def cores_to_embed_all(run: Run) -> float:
    """Cores of all services if every post had got its vector: nearly all the relay's work is the model's."""
    who = "combined" if run.combined else "relay"
    return sum(use.cores / (run.embedded if use.name == who else 1.0) for use in run.services)


def bytes_a_post(run: Run) -> float:
    """What a post adds to the record with its reactions and indexes, without its vector."""
    return (run.disk_bytes - run.vector_bytes) / run.posts


def disk_gb(run: Run) -> float:
    """The record at the default retention."""
    return bytes_a_post(run) * run.posts_asked * DAY_SECONDS * _default("retention_days") / GB


def vectors_gb(run: Run) -> float:
    """PostgreSQL's vectors of the hot window, every post with one."""
    return run.vector_bytes / max(run.vectors, 1) * hot_vectors_millions(run) / 1e3


def hot_vectors_millions(run: Run) -> float:
    """Vectors at the default hot window."""
    return run.posts_asked * DAY_SECONDS * _default("hot_days") / 1e6


def free_cluster_hours(run: Run, listed: dict[str, Any]) -> float:
    """How long a hot window Qdrant's free cluster holds, by memory and by disk."""
    sizes, free = listed["sizes"], listed["qdrant_cloud"]
    millions = min(
        free["free_gb_memory"] / sizes["qdrant_gb_a_million"],
        free["free_gb_disk"] / sizes["qdrant_disk_gb_a_million"],
    )
    return float(millions * 1e6 / run.posts_asked / 3600)


def _railway(way: str, run: Run, listed: dict[str, Any], *, hosted: bool) -> Bill:
    """``hosted``: Qdrant and the dashboard are services there too."""
    asked, sizes = listed["railway"], listed["sizes"]
    memory, disk, remark = sum(use.memory for use in run.services) / GB, disk_gb(run), ""
    if hosted:
        memory += sizes["caddy_mb"] / 1e3 + hot_vectors_millions(run) * sizes["qdrant_gb_a_million"]
        disk += hot_vectors_millions(run) * sizes["qdrant_disk_gb_a_million"]
    else:
        hours = free_cluster_hours(run, listed)
        if hours < 24 * _default("hot_days"):
            remark = f"search by meaning reaches back {_hours(hours)}"
    cores = cores_to_embed_all(run)
    compute = memory * asked["gb_memory"] + cores * asked["core"]
    volumes = disk * asked["gb_volume"]
    least = asked["hobby"] if disk <= asked["hobby_volume_gb"] else asked["pro"]
    return Bill(
        way=way, rate=run.posts_asked, memory_gb=memory, cores=cores, disk_gb=disk,
        compute=compute, disk=volumes, month=max(compute + volumes, least), remark=remark,
    )  # fmt: skip


def _vps(run: Run, listed: dict[str, Any]) -> Bill:
    """A machine of one's own with `make run`, where vectors lie in PostgreSQL."""
    memory = sum(use.memory for use in run.services) / GB
    cores, disk = cores_to_embed_all(run), disk_gb(run) + vectors_gb(run)
    sizes = sorted(msgspec.convert(listed["vps"], list[Vps]), key=lambda size: size.month)
    enough = [size for size in sizes if size.cores >= CORE_ROOM * cores and size.gb_memory >= ROOM * memory + SYSTEM_GB]
    size = enough[0] if enough else sizes[-1]
    more = max(0.0, disk - size.gb_disk) * listed["vps_source"]["gb_more_disk"]
    return Bill(
        way=f"A machine of one's own ({size.name}), `make run{' COMBINED=1' if run.combined else ''}`",
        rate=run.posts_asked, memory_gb=memory, cores=cores, disk_gb=disk,
        compute=size.month, disk=more, month=size.month + more,
        remark="" if enough else "the largest on the list; not every post gets a vector",
    )  # fmt: skip


def _hours(hours: float) -> str:
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.0f} h"


def _default(name: str) -> float:
    return float(by_name()[name].default)


def most_memory(measured: Measured, services: Iterable[str]) -> dict[str, int]:
    """The most bytes each held in any run, the runs in one process not counted for the services apart."""
    return {
        name: max(use.memory_most for run in measured.runs for use in run.services if use.name == name)
        for name in services
    }
