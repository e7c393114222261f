"""Two movers in processes of their own whose clocks are an hour apart, killed and started anew."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

HOUR = 3_600.0


class Movers:
    """One clock is half an hour ahead, the other behind; posts become cold after ``hot_seconds``.

    Logs go to ``folder``. Nothing runs before ``start``.
    """

    def __init__(self, url: str, hot_seconds: float, folder: Path) -> None:
        self._arguments, self._folder = (url, str(hot_seconds)), folder
        self._offsets = {"ahead": HOUR / 2, "behind": -HOUR / 2}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._next = 0.0
        self.kills = 0

    def start(self) -> None:
        """Start those that do not run."""
        for name in self._offsets.keys() - self._processes.keys():
            command = [sys.executable, "-m", "tests.support.mover_process", *self._arguments]
            with (self._folder / f"mover-{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen([*command, str(self._offsets[name])], stdout=log, stderr=log)

    def kill_now_and_then(self, chance: Random, every: float) -> None:
        """SIGKILL one and start it anew, about ``every`` so many seconds."""
        now = time.monotonic()
        if self._processes and now > self._next:
            if self._next:
                self.kill(chance.choice(tuple(self._processes)))
                self.start()
            self._next = now + chance.uniform(0.5, 1.5) * every

    def kill(self, name: str) -> None:
        """SIGKILL."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills += 1

    def stop(self) -> None:
        """Kill both for good."""
        for name in list(self._processes):
            self.kill(name)

    def batches(self, name: str) -> list[tuple[int, int]]:
        """(posts moved, what the process took for now) of each batch that ended."""
        lines = [line.split() for line in self.log(name).splitlines()]
        return [(int(line[0]), int(line[1])) for line in lines if len(line) == 2 and line[0].isdigit()]

    def log(self, name: str) -> str:
        """What the process wrote, killed ones included."""
        path = self._folder / f"mover-{name}.log"
        return path.read_text() if path.exists() else ""
