"""A publishing program that stays open between jobs: started, asked to quit, killed, and its locks removed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from services.render_node import processes
from services.render_node.program import Plan, Program, ProgramFailed
from shared.contracts.render_jobs import JobStatus
from tests.support import fake_program
from tests.support.render_node import gone, node, until

#: Of its own, so that nothing else on the machine has it; Linux keeps 15 characters of it.
NAME = f"gw-fake-{uuid4().hex[:6]}"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    state = tmp_path / "state"
    state.mkdir()
    (state / "megabytes").write_text("1")
    (tmp_path / NAME).symlink_to(Path(sys.executable).resolve())
    yield state
    processes.kill(lambda: processes.named(NAME))


def words(what: str, state: Path) -> list[str]:
    return [sys.executable, "-S", fake_program.__file__, what, str(state.parent / NAME), str(state)]


def program(state: Path, seconds: float = 5.0) -> Program:
    start, stop = words("start", state), words("stop", state)
    return Program(Plan(name=NAME, start=start, stop=stop, lock_patterns=[f"{state}/*.lock"], seconds=seconds))


def pid(state: Path) -> int:
    return int(until(lambda: (state / "program").exists() and (state / "program").read_text()))


def starts(state: Path) -> int:
    return len((state / "starts").read_text().split())


def test_it_is_started_once_and_started_anew_after_a_crash_that_left_its_lock(state: Path) -> None:
    made = program(state)
    assert made.state() == "stopped"
    made.prepare()
    first = pid(state)
    made.prepare()
    assert (made.state(), starts(state)) == ("running", 1)
    assert made.resident_bytes() > 1024**2
    # when it is killed it leaves its lock, and would not start again
    os.kill(first, signal.SIGKILL)
    until(lambda: not made.running())
    assert (state / "template.lock").exists()
    made.prepare()
    until(lambda: starts(state) == 2)
    assert made.running()


def test_it_is_asked_to_quit_and_killed_when_it_does_not(state: Path) -> None:
    made = program(state)
    made.prepare()
    pid(state)
    made.stop()
    assert not made.running()
    assert not (state / "template.lock").exists()  # it tidied up by itself
    # when it no longer listens
    stubborn = program(state, seconds=0.5)
    stubborn.prepare()
    until(lambda: starts(state) == 2)
    (state / "stubborn").touch()
    stubborn.restart("nightly")
    until(lambda: starts(state) == 3)
    assert stubborn.running()


def test_one_that_cannot_be_started_is_a_reason(state: Path) -> None:
    with pytest.raises(ProgramFailed, match="No process of that name was there"):
        Program(Plan(name=NAME, start=["/no/such/program"], seconds=0.2)).prepare()


def test_a_node_renews_a_program_that_grew_too_large_or_hangs(tmp_path: Path, state: Path) -> None:
    settings = {
        "render_node_program_name": NAME,
        "render_node_program_start": json.dumps(words("start", state)),
        "render_node_program_stop": json.dumps(words("stop", state)),
        "render_node_locks": json.dumps([f"{state}/*.lock"]),
        "render_node_memory_megabytes": 150,
        "render_node_job_seconds": 1,
    }
    (state / "mode").write_text("hang")
    with node(tmp_path, "by-file", **settings) as there:
        # given a job that hangs, as when a dialogue box waits for somebody: the program is not trusted any more
        client, path = there.client(), f"/v1/jobs/{uuid4().hex}"
        client.ask("PUT", path, b'{"report":{}}')
        first = pid(state)
        until(lambda: msgspec.json.decode(client.ask("GET", path).body, type=JobStatus).state == "failed")
        until(lambda: starts(state) == 2)
        assert gone(first)
        assert there.asks().health().program == "running"
        # when it grows between jobs, then it is started anew by itself
        (state / "megabytes").write_text("200")
        os.kill(pid(state), signal.SIGKILL)
        client.ask("PUT", path, b'{"report":{}}')
        until(lambda: starts(state) == 3)
        (state / "megabytes").write_text("1")
        until(lambda: starts(state) >= 4)
        until(lambda: there.asks().health().program == "running")
