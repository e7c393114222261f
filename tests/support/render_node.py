"""A real render node in a process of its own, over the fake publishing program."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from services.render_node.entry import run
from services.render_node.timings import Timings
from services.worker.render.node import RenderNode
from services.worker.render.signed import SignedClient
from shared.config.load import foreign_environment
from shared.config.settings import Settings
from shared.telemetry import logs
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
PUBLISHER = Path(__file__).parent / "fake_publisher.py"
SECRET = "a secret of thirty-two characters!"
QUICK = Timings(watch_seconds=0.1, idle_seconds=0.05, program_seconds=3.0, body_seconds=2.0)


class Node:
    """A node process: ``state`` is the fake program's folder, ``url`` where the node listens."""

    def __init__(self, folder: Path, mode: str, settings: dict[str, Any]) -> None:
        self.state, self.folder = folder / "state", folder
        self.state.mkdir(exist_ok=True)
        words = [sys.executable, "-S", str(PUBLISHER), mode, "{job}", "{output}", str(self.state)]
        self.settings = {
            "render_node_secret": SECRET,
            "render_node_command": json.dumps(words),
            "render_node_dir": str(folder / "node"),
            "render_node_port": free_port(),
            **settings,
        }
        self.url = f"http://127.0.0.1:{self.settings['render_node_port']}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = [sys.executable, "-m", "tests.support.render_node", json.dumps(self.settings)]
        with (self.folder / "node.log").open("ab") as log:
            self.process = subprocess.Popen(
                words, cwd=ROOT, env=foreign_environment(), stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdout
        assert self.process.stdout.readline() == b"listening\n", (self.folder / "node.log").read_text()[-2000:]

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process:
            os.kill(self.process.pid, number)
            self.process.wait()
            assert self.process.stdout
            self.process.stdout.close()
            self.process = None

    def runs(self) -> int:
        """How often the fake program was started."""
        path = self.state / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def client(self, secret: str = SECRET) -> SignedClient:
        return SignedClient(self.url, secret)

    def asks(self, seconds: float = 40.0, stopping: threading.Event | None = None) -> RenderNode:
        return RenderNode(self.client(), seconds, 0.03, stopping or threading.Event())


@contextmanager
def node(folder: Path, mode: str, pdf: bytes = b"", **settings: Any) -> Iterator[Node]:
    """A node that runs. ``pdf`` is what the fake program copies."""
    made = Node(folder, mode, settings)
    (made.state / "good.pdf").write_bytes(pdf)
    made.start()
    try:
        yield made
    finally:
        made.kill(signal.SIGTERM)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def main() -> None:
    settings = msgspec.convert(json.loads(sys.argv[1]), Settings)
    logs.configure("render-node", level="info", form="json")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def listening(_: int) -> None:
        sys.stdout.write("listening\n")
        sys.stdout.flush()

    sys.exit(run(settings, stop, timings=QUICK, listening=listening))


__all__ = ["Node", "free_port", "gone", "node", "until"]

if __name__ == "__main__":
    main()
