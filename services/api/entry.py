"""One API process: the server, the scheduled jobs and the reporter, until ``stop`` is set."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from services.api.clusters.jobs import ClusterJob
from services.api.clusters.ports import EngineLike as GroupingLike
from services.api.meaning import LazyEmbedder, VectorCount, model_in_use
from services.api.momentum.jobs import MomentumJob
from services.api.momentum.ports import EngineLike
from services.api.operations.queries import SearchInput
from services.api.scheduler.business import BusinessJob
from services.api.scheduler.leader import Scheduler
from services.api.scheduler.lease import Lease
from services.api.server import Api
from services.api.watches.backtest import Backtester
from services.api.watches.jobs import WatchJob
from services.api.watches.meaning import Meanings
from shared.config.settings import Settings
from shared.embedding.chain import load_by_id, load_embedder
from shared.embedding.embedder import Embedder
from shared.errors import GroundswellError
from shared.schemas.search import SearchResult
from shared.store import vector_models
from shared.store.database import AsyncDatabase, Database
from shared.store.migrate import check_schema
from shared.store.ring import LivePublisher
from shared.store.unit_reports import teller
from shared.telemetry import logs, metrics
from shared.telemetry.health import Reporter
from shared.vectors.make import open_index

STOP_SECONDS = 5.0
#: A reading of the watches' job may take as long as PostgreSQL lets a statement run.
WATCH_LEASE_SECONDS = 60
#: A first grouping reads the vectors of an hour.
CLUSTER_LEASE_SECONDS = 60


def run(settings: Settings, stop: threading.Event) -> int:
    """Serve until ``stop`` is set; the exit code. Raises ConfigurationError for a port in use.

    The server answers from the first moment (503 while the store is away or not migrated); the jobs
    begin once the schema is there.
    """
    threads_size = max(1, settings.api_pool_size // 2)
    database = Database(settings, name="api-jobs", size=threads_size)
    reporter = Reporter("api", teller(database))
    publisher = LivePublisher(settings.valkey_url)
    embedder, index = LazyEmbedder(), open_index(settings, database)
    meanings = Meanings(embedder, index)

    search = _search_with(index, embedder)

    api = Api(
        settings,
        pool_size=settings.api_pool_size - threads_size,
        search=search,
        vectors_stored=VectorCount(index, embedder),
        backtest=Backtester(database, meanings),
        say=reporter.set,
    )
    metrics.serve(settings.metrics_host, settings.api_metrics_port, reporter.why_not)
    database.open()
    reporter.start()
    job = MomentumJob(
        database,
        Maker(settings),
        publish=publisher.publish,
        say=lambda state, reason: reporter.set("momentum", state, reason),
    )
    watching = WatchJob(
        database,
        meanings,
        lateness_seconds=settings.momentum_lateness_seconds,
        public_url=settings.public_url,
        publish=publisher.publish,
        say=lambda state, reason: reporter.set("watches", state, reason),
    )
    grouping = ClusterJob(
        database,
        index,
        lambda: model_in_use(embedder, index),
        Grouper(),
        say=lambda state, reason: reporter.set("clusters", state, reason),
    )
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    # Each under a lease and in a thread of its own: topics that catch up keep no alert waiting.
    schedulers = [
        Scheduler(Lease(database, "scheduler", holder), [job, BusinessJob(database)]),
        Scheduler(Lease(database, "watches", holder, seconds=WATCH_LEASE_SECONDS), [watching]),
        Scheduler(Lease(database, "clusters", holder, seconds=CLUSTER_LEASE_SECONDS), [grouping]),
    ]
    jobs = [
        threading.Thread(target=_run_jobs, args=(database, scheduler, stop), name=f"api-jobs-{number}")
        for number, scheduler in enumerate(schedulers)
    ]
    model = threading.Thread(
        target=embedder.follow,
        args=(
            lambda: database.fetch(vector_models.READ),
            lambda model: _load_model(settings, model),
            lambda state, reason: reporter.set("embedder", state, reason),
            stop,
        ),
        name="api-model",
        daemon=True,
    )
    for thread in (*jobs, model):
        thread.start()
    try:
        asyncio.run(api.serve(stop))
    finally:
        stop.set()  # whatever ended the server ends the rest
        for thread in jobs:
            thread.join(timeout=STOP_SECONDS)
        reporter.stop()
        publisher.close()
        database.close()
    return 0


class Maker:
    """The real momentum engine, under these settings."""

    def __init__(self, settings: Settings) -> None:
        # Imported when wanted: its tables are numpy arrays, which a mere reader of this module need not load.
        from services.api.momentum.allocator import give_back_large_blocks
        from services.api.momentum.config import MomentumConfig
        from services.api.momentum.engine import Engine, Observation

        self._config = MomentumConfig(
            lateness_seconds=settings.momentum_lateness_seconds,
            warmup_minutes=settings.momentum_warmup_minutes,
        )
        self._engine, self.observation = Engine, Observation
        give_back_large_blocks()

    def engine(self, snapshot: bytes | None) -> EngineLike:
        """An engine, from ``snapshot`` if there is one."""
        made: EngineLike = self._engine(self._config, snapshot)
        return made


class Grouper:
    """The real engine of clusters."""

    def __init__(self) -> None:
        from services.api.clusters.config import ClusterConfig

        self.config = ClusterConfig()

    def engine(self, snapshot: bytes | None) -> GroupingLike:
        """An engine, from ``snapshot`` if there is one."""
        # Imported when wanted, as the momentum engine is.
        from services.api.clusters.engine import Engine

        return Engine(self.config, snapshot)


def _search_with(index: Any, embedder: LazyEmbedder) -> Callable[[AsyncDatabase, SearchInput], Awaitable[SearchResult]]:
    from services.api.operations.search import search
    from services.api.operations.search_coverage import Coverage
    from services.api.operations.search_meaning import Eye

    eye, coverage = Eye(index, embedder), Coverage(index, embedder)

    async def ask(record: AsyncDatabase, query: SearchInput) -> SearchResult:
        # One model for the whole of a search: another may become active meanwhile.
        return await search(record, eye.using(embedder.current()), query, coverage)

    return ask


def _load_model(settings: Settings, model: str | None) -> Embedder:
    """For single texts: the model with the id ``model``; ``None``: the one in the settings."""
    folder = Path(settings.data_dir) / "models"
    if model is None:
        return load_embedder(settings, folder, compact=True)
    return load_by_id(settings, folder, model, compact=True)


def _run_jobs(database: Database, scheduler: Scheduler, stop: threading.Event) -> None:
    pause = 0.2
    while not stop.is_set():
        try:
            check_schema(database)
            break
        except GroundswellError as error:
            logs.get(__name__).info("jobs_wait_for_schema", reason=str(error))
            stop.wait(pause)
            pause = min(pause * 2, 5.0)
    scheduler.run(stop)
