"""Any part may be killed while the stream runs: nothing is lost, nothing is doubled, all come back."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from tests.journeys.conftest import running_platform
from tests.support.platform import Platform
from tests.support.truth import compare, position

CHILDREN = ("relay", "api", "worker", "valkey", "postgres", "simulator")


def moved_on(platform: Platform) -> bool:
    """The cursor moves again and the API reports the whole as able to work."""
    with platform.database() as database:
        before = platform.until("cursor", lambda: position(database))

        def moved() -> bool:
            now = position(database)
            return now is not None and now.position > before.position

        platform.until("moving cursor", moved)
    return bool(platform.until("ready API", lambda: platform.get("/api/v1/health")["state"] in ("ok", "degraded")))


@pytest.mark.timeout(400)
def test_each_child_killed_while_the_stream_runs_loses_and_doubles_nothing() -> None:
    # given a platform that reads its history
    with running_platform() as platform:
        with platform.database() as database:
            platform.until("first rows", lambda: position(database))
        # when every child is killed, one after the other, and those that hold the record once more
        for name in (*CHILDREN, "relay", "postgres"):
            platform.kill(name)
            assert moved_on(platform)
        # then the record is what was served, exactly
        stream = platform.stream()
        with platform.relay_held(), platform.database() as database:
            assert compare(database, stream, stream.anchor_us).none
        # and it still does its job
        platform.until("topics", lambda: platform.get("/api/v1/topics")["topics"])
        assert platform.stop() == 0


@pytest.mark.timeout(300)
def test_a_ctrl_c_leaves_no_child_behind_and_the_next_start_is_warm(tmp_path: Path) -> None:
    with running_platform() as platform:
        family = psutil.Process(platform.process.pid).children(recursive=True)
        assert len(family) >= len(CHILDREN)
        assert platform.stop() == 0
        assert [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
        again = Platform(platform.data)
        again.until("health", lambda: again.get("/api/v1/health"))
        assert again.stop() == 0


@pytest.mark.timeout(300)
def test_a_supervisor_killed_outright_takes_its_children_along_and_the_next_start_recovers() -> None:
    with running_platform() as platform:
        family = psutil.Process(platform.process.pid).children(recursive=True)
        platform.end(signal.SIGKILL)
        # PostgreSQL went at the same moment, and each part of the relay waits its own few seconds for it.
        _, alive = psutil.wait_procs(family, timeout=60)
        assert alive == []
        again = Platform(platform.data)
        assert moved_on(again)
        stream = again.stream()
        with again.relay_held(), again.database() as database:
            assert compare(database, stream, stream.anchor_us).none
        assert again.stop() == 0
