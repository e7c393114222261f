"""Children are restarted with backoff, heard, and ended."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.solo.children import Child, ChildSpec
from services.solo.supervisor import Supervisor
from shared.errors import DependencyError
from shared.telemetry.health import State

Events = list[tuple[str, State, str | None]]


def spec(name: str, code: str, ready: Callable[[], bool] = lambda: True, **more: object) -> ChildSpec:
    argv = (sys.executable, "-c", code)
    return ChildSpec(name=name, argv=argv, environment=dict(os.environ), ready=ready, **more)  # type: ignore[arg-type]


@pytest.fixture
def events() -> Events:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, events: Events) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path, lambda *event: events.append(event))
    yield made
    made.stop()


def until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        supervisor.poll()
        time.sleep(0.01)


def test_a_child_that_is_killed_comes_back_and_both_are_told(supervisor: Supervisor, events: Events) -> None:
    child = supervisor.start(spec("sleeper", "import time; time.sleep(60)"))
    first = child.pid
    assert first
    os.kill(first, signal.SIGKILL)
    until(supervisor, lambda: child.state == "running" and child.pid not in (None, first))
    assert child.restarts == 1
    assert [state for _, state, _ in events][-3:] == ["down", "down", "ok"]
    assert any("ended with code -9" in (reason or "") for _, _, reason in events)


def test_a_child_that_never_gets_up_is_shown_with_its_last_words(supervisor: Supervisor) -> None:
    broken = spec("broken", "import sys; print('no such table: post'); sys.exit(3)", ready=lambda: False)
    with pytest.raises(DependencyError, match=r"(?s)broken ended with code 3.*no such table: post"):
        supervisor.start(broken)


def test_a_work_that_can_do_nothing_with_what_it_was_given_is_not_tried_again(
    supervisor: Supervisor, events: Events
) -> None:
    child = supervisor.start(spec("replay", "import sys; print('It holds no event.'); sys.exit(2)", once=True))
    until(supervisor, lambda: child.state == "stopped")
    assert events[-1] == ("replay", "down", "It holds no event.")
    assert child.restarts == 0


def test_a_work_that_ended_before_anybody_looked_is_not_waited_for(supervisor: Supervisor, events: Events) -> None:
    child = supervisor.start(spec("replay", "print('All is read.')", once=True, ready=lambda: False))
    assert child.state == "stopped"
    assert events[-1] == ("replay", "ok", "its work is done")


def test_a_full_disk_is_recognised_in_a_childs_last_words(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Child._read

    def late(self: Child, stream: Any) -> None:  # on a busy machine its end is seen before its words
        time.sleep(0.3)
        read(self, stream)

    monkeypatch.setattr(Child, "_read", late)
    full = spec("full", "import sys; print('FATAL: No space left on device'); sys.exit(1)", ready=lambda: False)
    with pytest.raises(DependencyError, match="The disk is full: free some space"):
        supervisor.start(full)


_WAITS_FOR_THE_OTHER = """
import pathlib, signal, sys, time
own, other = map(pathlib.Path, {files!r})
def end(*_):
    own.write_text("")
    while not other.exists():
        time.sleep(0.01)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(60)
"""


def test_leaves_are_ended_together_and_before_what_they_rely_on(supervisor: Supervisor, tmp_path: Path) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    engine = supervisor.start(spec("engine", "import time; time.sleep(60)"))
    leaves = [
        supervisor.start(spec(name, _WAITS_FOR_THE_OTHER.format(files=files), leaf=True))
        for name, files in (("one", (one, two)), ("two", (two, one)))
    ]
    until(supervisor, lambda: all("up" in leaf.last_lines for leaf in leaves))
    # each ends only once the other was asked too: one after the other, both would have to be killed
    assert supervisor.stop() == []
    assert engine.pid is None


def test_a_full_disk_costs_lines_of_a_log_and_no_stack_trace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Child(spec("talker", "print('hello')"), tmp_path)

    def full(_record: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(child._log.handlers[0], "shouldRollover", full)
    child.start()
    deadline = time.monotonic() + 20
    while child.last_lines != ["hello"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.ask_to_stop()
    child.wait_stopped()
    assert capfd.readouterr().err == ""


def test_restarts_come_with_growing_pauses(tmp_path: Path) -> None:
    child = Child(spec("crasher", "raise SystemExit(1)", ready=lambda: False), tmp_path)
    pauses = []
    child.start()
    for _ in range(4):
        while child.state != "restarting":
            child.poll()
            time.sleep(0.005)
        pauses.append(child._backoff)
        child._restart_at = 0  # the pause itself is not what is tested
        child.poll()
    child.ask_to_stop()
    child.wait_stopped()
    assert pauses == [0.5, 1.0, 2.0, 4.0]


def test_only_the_last_lines_are_kept_and_the_log_file_has_all(supervisor: Supervisor, tmp_path: Path) -> None:
    talker = "import time\nfor i in range(500): print('line', i, flush=True)\ntime.sleep(60)"
    child = supervisor.start(spec("talker", talker))
    until(supervisor, lambda: bool(child.last_lines) and child.last_lines[-1] == "line 499")
    assert child.last_lines[0] == "line 460"
    assert (tmp_path / "talker.log").read_text().count("\n") == 500


def test_a_child_that_ignores_the_signal_is_killed_and_named(tmp_path: Path, events: Events) -> None:
    supervisor = Supervisor(tmp_path, lambda *event: events.append(event))
    stubborn = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)"
    )
    child = supervisor.start(spec("stubborn", stubborn, stop_seconds=0.3))
    until(supervisor, lambda: child.last_lines == ["deaf"])
    assert supervisor.stop() == ["stubborn"]
    assert child.pid is None


def test_children_end_when_their_supervisor_is_killed_outright(tmp_path: Path) -> None:
    code = f"""
import os, sys, time
from pathlib import Path
from typing import Any
from services.solo.children import Child, ChildSpec
spec = ChildSpec(name="orphan", argv=(sys.executable, "-c", "import time; time.sleep(60)"),
                 environment=dict(os.environ), ready=lambda: True)
child = Child(spec, Path({str(tmp_path)!r}))
child.start()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    import subprocess

    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    orphan = Path(f"/proc/{done.stdout.strip()}")
    deadline = time.monotonic() + 10
    while orphan.exists() and "(zombie)" not in (orphan / "status").read_text():
        assert time.monotonic() < deadline, "the child outlived its supervisor"
        time.sleep(0.02)
