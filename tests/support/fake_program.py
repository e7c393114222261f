"""A publishing program that stays open, as InDesign does: ``python fake_program.py start|stop|run EXECUTABLE STATE``.

``start`` leaves a process behind that nobody is the parent of and whose name is EXECUTABLE's; it holds
``STATE/template.lock`` and as many megabytes as ``STATE/megabytes`` says. With ``STATE/stubborn`` it does not quit.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    what, executable, state = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if what == "start":
        subprocess.Popen([executable, "-S", __file__, "run", executable, str(state)], start_new_session=True)
    elif what == "stop":
        if not (state / "stubborn").exists():
            os.kill(int((state / "program").read_text()), signal.SIGTERM)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        lock = state / "template.lock"
        if lock.exists():
            sys.exit(1)  # it believes that it runs already
        lock.touch()
        held = bytearray(int((state / "megabytes").read_text()) * 1024 * 1024)
        held[::4096] = b"x" * len(held[::4096])
        (state / "program").write_text(str(os.getpid()))
        with (state / "starts").open("a") as starts:
            starts.write("started\n")
        try:
            time.sleep(600)
        finally:
            lock.unlink()


if __name__ == "__main__":
    main()
