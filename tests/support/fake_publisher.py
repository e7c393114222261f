"""A publishing program for tests: ``python fake_publisher.py MODE JOB_FOLDER OUTPUT [STATE_FOLDER]``.

It appends a line to ``STATE_FOLDER/runs`` each time it starts, and copies ``STATE_FOLDER/good.pdf``, which a test
puts there. MODE is what it does; ``by-file`` reads it from ``STATE_FOLDER/mode`` so that it can change in between.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

EATER = """
import os, time
os.setsid()
held = bytearray(200 * 1024 * 1024)
held[::4096] = b"x" * len(held[::4096])
time.sleep(600)
"""


def main() -> int:
    mode, job, output, state = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    with (state / "runs").open("a") as runs:
        runs.write(f"{os.getpid()} {job.name}\n")
    if mode == "by-file":
        mode = (state / "mode").read_text().strip()
    good = (state / "good.pdf").read_bytes()
    lock = state / "template.lock"
    if mode == "locks":  # what InDesign does with a template that seems open elsewhere
        if lock.exists():
            sys.stdout.write("the template is in use\n")
            return 3
        lock.touch()
        if not (state / "crashed").exists():
            (state / "crashed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        lock.unlink()
    if mode == "hang":
        time.sleep(600)
    if mode == "crash":
        output.write_bytes(good[: len(good) // 2])
        os.kill(os.getpid(), signal.SIGSEGV)
    if mode == "crash-once" and not (state / "crashed").exists():
        (state / "crashed").touch()
        output.write_bytes(good[: len(good) // 2])
        os.kill(os.getpid(), signal.SIGSEGV)
    if mode == "eat":  # in a grandchild that leaves session and parent
        eater = subprocess.Popen([sys.executable, "-S", "-c", EATER])
        (state / "eater").write_text(str(eater.pid))
        time.sleep(600)
    if mode == "fail":
        sys.stderr.write("no such font: \x1b[31mComic\x1b[0m\n")
        return 4
    if mode == "slow":
        time.sleep(1.0)
    if mode == "wait":
        while not (state / "go").exists():
            time.sleep(0.02)
    made = {"empty": b"", "nothing": None, "truncated": good[: len(good) // 2], "text": b"not a PDF at all"}
    pdf = made.get(mode, good)
    if mode.startswith("file:"):
        pdf = (state / mode.removeprefix("file:")).read_bytes()
    if pdf is not None:
        output.write_bytes(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
