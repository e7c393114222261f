"""How the broker is set up, without one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from dramatiq.middleware import Retries, TimeLimit

from services.worker.actors import briefing
from services.worker.broker import THREADS, make_broker
from services.worker.timings import Timings
from shared.contracts.jobs import RUN_BRIEFING


@pytest.mark.parametrize("url", ["unix:///tmp/none.sock?db=0", "redis://:secret@127.0.0.1:1/0"])
def test_a_broker_is_made_without_connecting(url: str) -> None:
    broker = make_broker(url, Timings())
    assert broker.get_declared_queues() == {"interactive", "pipeline", "agents", "maintenance", "delivery"}
    assert (broker.heartbeat_timeout, broker.maintenance_chance) == (5000, 1_000_000)
    assert [m.max_retries for m in broker.middleware if isinstance(m, Retries)] == [0]
    assert len(broker.get_declared_queues()) == THREADS


def test_no_middleware_opens_a_port() -> None:
    broker = make_broker("redis://127.0.0.1:1/0", Timings())
    assert {type(m) for m in broker.middleware} == {TimeLimit, Retries}


def test_the_actor_is_the_job_of_the_contract() -> None:
    broker = make_broker("redis://127.0.0.1:1/0", Timings())
    performed: list[str] = []
    briefing.register(broker, performed.append)
    actor = broker.get_actor(RUN_BRIEFING.actor)
    actor("some-run")
    assert performed == ["some-run"]
    assert actor.queue_name == RUN_BRIEFING.queue
    assert actor.options["max_retries"] == 0


def test_importing_the_worker_opens_no_socket_and_no_file_of_typst() -> None:
    program = """
import socket, sys
def refuse(*_, **__): raise AssertionError("a socket was opened")
socket.socket.connect = refuse
socket.socket.bind = refuse
import services.worker.entry
assert "typst" not in sys.modules
import dramatiq.broker
assert dramatiq.broker.global_broker is None
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
