"""A signal ends a process whatever its main thread is doing."""

from __future__ import annotations

import subprocess
import sys

#: The signal comes while the main thread holds the event's lock, as it does within ``wait``.
_WHILE_LOCKED = """
import os, signal, threading
from services.solo.signals import set_at

stop = threading.Event()
set_at(stop, signal.SIGTERM)
with stop._cond:
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGTERM)
print(stop.wait(10))
"""

_OFTEN = """
import os, signal, threading
from services.solo.signals import set_at

stop = threading.Event()
set_at(stop, signal.SIGTERM, signal.SIGINT)
for _ in range(200_000):
    signal.raise_signal(signal.SIGINT)
print(stop.wait(10))
"""

#: A closed terminal, and whether the stack then stops; SIGTERM ends it either way.
_HANGUP = """
import io, os, signal
from services.solo.progress import Progress
from services.solo.stack import Stack, UpOptions
from shared.config.settings import Settings

stack = Stack(Settings(data_dir="unused"), UpOptions(), Progress(io.StringIO()))
stack.on_signals()
os.kill(os.getpid(), signal.SIGHUP)
hung_up = stack.stop.wait(1)
os.kill(os.getpid(), signal.SIGTERM)
print(hung_up, stack.stop.wait(10))
"""


def test_a_closed_terminal_ends_the_stack_but_for_nohup() -> None:
    for handler, ends in (("SIG_DFL", "True True"), ("SIG_IGN", "False True")):
        assert told(f"import signal; signal.signal(signal.SIGHUP, signal.{handler})\n{_HANGUP}") == ends


def test_a_signal_in_the_middle_of_waiting_ends_it() -> None:
    assert told(_WHILE_LOCKED) == "True"


def test_any_number_of_signals_ends_it_once() -> None:
    assert told(_OFTEN) == "True"


def told(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()
