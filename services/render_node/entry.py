"""The render node: prints reports with a program of the operator's, for workers that sign what they ask.

It runs alone on a machine of its own: no database, no queue. It installs no signal handler.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import uvicorn

from services.render_node import command, processes
from services.render_node.door import Door
from services.render_node.health import Health
from services.render_node.jobs import Jobs
from services.render_node.program import Plan, Program
from services.render_node.runner import Runner
from services.render_node.server import Application
from services.render_node.timings import Timings
from shared.config.render_node import clock_of, secret_of, words_of
from shared.config.settings import Settings
from shared.errors import ConfigurationError
from shared.telemetry import logs
from shared.telemetry.metrics import serve

MEGABYTE = 1024**2


class _Server(uvicorn.Server):
    """Signals belong to whoever started us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def run(
    settings: Settings,
    stop: threading.Event,
    *,
    timings: Timings | None = None,
    listening: Callable[[int], None] = lambda _: None,
) -> int:
    """Serve until ``stop`` is set; the exit code. ``listening`` is told the port.

    Raises ConfigurationError for a secret, folder or address that does not serve.
    """
    timings = timings or Timings()
    secret = secret_of(settings)
    root = Path(settings.render_node_dir or Path(settings.data_dir) / "render-node").absolute()
    with _alone(root), _listen(settings.render_node_host, settings.render_node_port) as door_socket:
        if processes.end_left_behind(root / "running.json"):
            logs.get(__name__).warning("left_behind_ended")
        jobs = Jobs(root / "jobs", settings.render_node_queue_jobs, timings.keep_seconds)
        words = words_of(settings.render_node_command)
        program = Program(
            Plan(
                name=settings.render_node_program_name,
                start=words_of(settings.render_node_program_start),
                stop=words_of(settings.render_node_program_stop),
                lock_patterns=words_of(settings.render_node_locks),
                restart_at=clock_of(settings.render_node_restart_at),
                seconds=timings.program_seconds,
            )
        )
        health = Health(words[0], jobs, program, settings.render_node_queue_jobs)
        serve(settings.metrics_host, settings.render_node_metrics_port, health.why_not)
        limits = command.Limits(
            seconds=settings.render_node_job_seconds,
            memory_bytes=settings.render_node_memory_megabytes * MEGABYTE,
            watch_seconds=timings.watch_seconds,
        )
        runner = Runner(words, jobs, program, health, limits, root / "running.json", stop, timings)
        server = _Server(_config(Application(secret, Door(secret), jobs, health, timings)))
        threads = [
            threading.Thread(target=runner.run, name="render-node-runner"),
            threading.Thread(target=server.run, args=([door_socket],), name="render-node-server"),
        ]
        for thread in threads:
            thread.start()
        port = door_socket.getsockname()[1]
        logs.get(__name__).info("render_node_listening", host=settings.render_node_host, port=port)
        listening(port)
        while not stop.wait(0.2):
            if not all(thread.is_alive() for thread in threads):
                stop.set()
        failed = not all(thread.is_alive() for thread in threads)
        server.should_exit = True
        for thread in threads:
            thread.join()
    return 1 if failed else 0


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the work folder: two nodes in one would remove each other's jobs. Raises ConfigurationError."""
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (root / "lock").open("a")
    except OSError as error:
        raise ConfigurationError(
            f"The render node's folder {root} cannot be used.",
            why=f"{error.strerror}.",
            do="Set GROUNDSWELL_RENDER_NODE_DIR to another.",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigurationError(
                f"Another render node works in {root}.", do="Stop it, or set GROUNDSWELL_RENDER_NODE_DIR."
            ) from error
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=32)
    except OSError as error:
        raise ConfigurationError(
            f"The render node cannot listen on {host} port {port}.",
            why=f"{error.strerror or error}.",
            do="Stop what uses the port, or set GROUNDSWELL_RENDER_NODE_PORT to another.",
        ) from error


def _config(application: Application) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=32,
        backlog=32,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=3,
    )
