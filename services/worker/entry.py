"""The worker: runs jobs, hands out the outbox, revives lost runs, archives and removes old posts.

It lives as long as it is asked to. PostgreSQL or Valkey away is a state it reports and waits out.
It installs no signal handler and touches nothing global, so that it can share a process.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from uuid import uuid4

import dramatiq
import redis

from services.worker import metrics
from services.worker.actors import agent as agent_actor
from services.worker.actors import briefing as briefing_actor
from services.worker.actors import deliver as deliver_actor
from services.worker.actors import pipeline as pipeline_actor
from services.worker.agents.definition import load_agents
from services.worker.agents.work import AgentWork
from services.worker.backups import Backups
from services.worker.broker import PatientBroker, make_broker, make_worker
from services.worker.delivery.deliver import Courier
from services.worker.depths import Depths
from services.worker.dispatcher import Dispatcher
from services.worker.housekeeping import Housekeeping
from services.worker.llm.open import any_provider, tiers_of
from services.worker.llm.thread import LlmThread
from services.worker.loops import Loop
from services.worker.mover import DAY_SECONDS, Mover
from services.worker.pipelines.announce import Announcer
from services.worker.pipelines.briefing import Briefing
from services.worker.pipelines.chain import PipelineWork
from services.worker.pipelines.definition import load_pipelines
from services.worker.pipelines.perform import Performer
from services.worker.pipelines.press import Press, Rendering
from services.worker.pipelines.summary import Summary
from services.worker.reaper import Reaper
from services.worker.render.printer import Printer
from services.worker.render.renderer import Renderer
from services.worker.render.set_up import render_node
from services.worker.sandbox.box import Box
from services.worker.sandbox.box import find as find_sandbox
from services.worker.schedules import Schedules
from services.worker.timings import Timings
from services.worker.vectors import VectorCare
from shared.config.settings import Settings
from shared.errors import DependencyError, SchemaNotReady
from shared.outbound.reach import read_reach
from shared.store.database import Database
from shared.store.migrate import check_schema
from shared.store.ring import LivePublisher
from shared.store.unit_reports import teller
from shared.telemetry import logs
from shared.telemetry.health import Readiness, Reporter, State
from shared.telemetry.metrics import serve
from shared.vectors.index import VectorIndex

PING_SECONDS = 2.0
#: Time for what is no job: threads that only sleep, and connections to give back.
WIND_DOWN_SECONDS = 1.5


def run(settings: Settings, stop: threading.Event, *, timings: Timings | None = None) -> int:
    """Work until ``stop`` is set; the exit code. Running jobs get ``drain_seconds``, then their lease ends."""
    timings = timings or Timings()
    agents = load_agents(settings.agents_folder)
    pipelines = load_pipelines(agents, settings.pipelines_folder)
    readiness = Readiness()
    serve(settings.metrics_host, settings.worker_metrics_port, readiness.why_not)
    database = Database(settings, name="worker", size=settings.worker_pool_size)
    database.open()
    reporter = Reporter("worker", teller(database))
    publisher = LivePublisher(settings.valkey_url)
    broker = make_broker(settings.valkey_url, timings)
    llm: LlmThread | None = None
    try:
        if not _wait_for_schema(database, stop, timings):
            return 0
        reporter.set(*_renderer_at_start())
        reporter.start()
        node = render_node(settings, database, reporter, stop, timings)
        llm = _language_models(settings, reporter)
        summary = Summary(database, llm.complete) if llm else None
        press = Press(Printer(Renderer(), node), settings.public_url, _rendering(reporter))
        briefing = Briefing(database, press, summary)
        announce = Announcer(database, publisher)
        performer = Performer(database, briefing.perform, announce, stop, timings)
        briefing_actor.register(broker, performer)
        box = _sandbox(reporter)
        work = AgentWork(settings, database, agents, press, llm, box)
        work.tell()
        agent_actor.register(broker, Performer(database, work.perform, announce, stop, timings, "agent"))
        chains = PipelineWork(settings, database, pipelines, press, llm, box)
        chains.tell()
        pipeline_actor.register(broker, Performer(database, chains.perform, announce, stop, timings, "pipeline"))
        courier = Courier(database, publisher, settings.public_url, read_reach(settings.outbound_allow))
        deliver_actor.register(broker, courier.deliver)
        loops = _loops(settings, database, broker, reporter, stop, timings)
        loops.append(
            Loop("deliveries", courier.put_out, stop, every=timings.deliver_seconds, most=timings.most_backoff_seconds)
        )
        every, most = timings.schedules_seconds, timings.most_backoff_seconds
        loops.append(Loop("schedules", Schedules(database, pipelines), stop, every=every, most=most))
        if node:
            look, every = node.look, timings.node_look_seconds
            loops.append(Loop("render-node", look, stop, every=every, most=every, first=0.0))
        worker = make_worker(broker)
        worker.start()
        for loop in loops:
            loop.start()
        readiness.follow(reporter)
        logs.get(__name__).info("worker_started")
        stop.wait()
        _drain(worker, loops, timings)
        return 0
    finally:
        if llm:
            llm.stop()
        reporter.stop()
        publisher.close()
        broker.client.close()
        database.close()
        logs.get(__name__).info("worker_stopped")


def _loops(
    settings: Settings,
    database: Database,
    broker: PatientBroker,
    reporter: Reporter,
    stop: threading.Event,
    timings: Timings,
) -> list[Loop]:
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    most = timings.most_backoff_seconds
    housekeeping = Housekeeping(database, settings.retention_days, holder, stop)
    care = VectorCare(settings, database, _index, holder, stop)
    mover = Mover(
        database,
        settings.hot_days * DAY_SECONDS,
        settings.retention_days,
        holder,
        stop,
        partial(reporter.set, "archive"),
    )
    return [
        Loop("dispatch", Dispatcher(database, broker), stop, every=timings.dispatch_seconds, most=most),
        Loop("reap", Reaper(database, broker, timings), stop, every=timings.reap_seconds, most=most),
        Loop("mover", mover, stop, every=timings.move_seconds, most=most, first=timings.settle_seconds),
        Loop("retention", housekeeping, stop, every=timings.retention_seconds, most=most, first=timings.settle_seconds),
        Loop("vectors", care, stop, every=timings.vectors_seconds, most=most, first=timings.settle_seconds),
        Loop("depths", Depths(database), stop, every=timings.depths_seconds, most=timings.depths_seconds, first=0.0),
        _backups(settings, database, reporter, stop, timings),
        Loop("valkey", _watch(broker, reporter), stop, every=PING_SECONDS, most=PING_SECONDS),
    ]


def _backups(
    settings: Settings, database: Database, reporter: Reporter, stop: threading.Event, timings: Timings
) -> Loop:
    if not settings.backup_hours:
        reporter.set("backup", "off", "GROUNDSWELL_BACKUP_HOURS is 0: only those that are asked for are taken.")
    look, every = Backups(settings, database, partial(reporter.set, "backup")), timings.backup_seconds
    return Loop("backup", look, stop, every=every, most=every, first=timings.settle_seconds)


def _index(settings: Settings, database: Database) -> VectorIndex:
    # Imported where it is used: Qdrant's client is large.
    from shared.vectors.make import open_index

    return open_index(settings, database)


def _wait_for_schema(database: Database, stop: threading.Event, timings: Timings) -> bool:
    """Wait until the schema is ours. False when ``stop`` came first."""
    pause = 0.25
    while not stop.is_set():
        try:
            check_schema(database)
            return True
        except (SchemaNotReady, DependencyError) as error:
            logs.get(__name__).warning("schema_awaited", seconds=pause, error=str(error))
        stop.wait(pause)
        pause = min(2 * pause, timings.most_backoff_seconds)
    return False


def _renderer_at_start() -> tuple[str, State, str | None]:
    if importlib.util.find_spec("typst"):
        return "renderer", "ok", None
    return "renderer", "down", "The package typst is not installed: reports have no PDF."


def _rendering(reporter: Reporter) -> Rendering:
    def rendering(reason: str | None) -> None:
        reporter.set("renderer", "degraded" if reason else "ok", reason)

    return rendering


def _language_models(settings: Settings, reporter: Reporter) -> LlmThread | None:
    """The gateway, running, where any model may be asked. Raises ConfigurationError."""
    tiers = tiers_of(settings)
    if any_provider(settings):
        for name, why in tiers.left_out.items():
            logs.get(__name__).info("llm_model_left_out", model=name, why=why)
    if not tiers.models:
        reason = " ".join(sorted(set(tiers.left_out.values()))) or "No language model is set up."
        reporter.set("llm", "off", reason[:300])
        return None
    logs.get(__name__).info("llm_models", models=[model.name for model in tiers.models])
    llm = LlmThread(settings, tiers, partial(reporter.set, "llm"))
    llm.start()
    return llm


def _sandbox(reporter: Reporter) -> Box | None:
    """Where agents run Python, or ``None`` with the reason in health."""
    found = find_sandbox()
    if isinstance(found, str):
        reporter.set("sandbox", "off", found[:300])
        return None
    reporter.set("sandbox", "ok")
    return found


def _watch(broker: PatientBroker, reporter: Reporter) -> Callable[[], None]:
    """Asks Valkey whether it is there."""

    def watch() -> None:
        try:
            broker.client.ping()
        except redis.RedisError as error:
            metrics.VALKEY_UP.set(0)
            reporter.set("valkey", "down", f"Valkey did not answer: {error}")
        else:
            metrics.VALKEY_UP.set(1)
            reporter.set("valkey", "ok")

    return watch


def _drain(worker: dramatiq.Worker, loops: list[Loop], timings: Timings) -> None:
    """Let running jobs end; what does not end in time is taken over when its lease ends."""
    try:
        worker.stop(timeout=int(timings.drain_seconds * 1000))
    except (redis.RedisError, dramatiq.errors.BrokerError) as error:
        logs.get(__name__).warning("messages_not_returned", error=str(error))
    for loop in loops:
        loop.join(WIND_DOWN_SECONDS)
