"""PostgreSQL stopped for thirty seconds and started again, under the whole platform."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import psutil
import pytest

from services.solo.children import Child
from services.solo.folder import free_port
from services.solo.progress import Progress
from services.solo.stack import Stack, UpOptions
from shared.config.settings import Settings
from shared.errors import StoreUnavailable
from tests.support.folders import engine_folder
from tests.support.platform import HISTORY_MINUTES, RATE, SEED
from tests.support.truth import compare, position

OUTAGE_SECONDS = 30.0
#: The relay stops reading: what may come on top is its bounded queue (64 MiB) and noise.
MOST_GROWTH_BYTES = 128 * 1024 * 1024


@pytest.fixture
def stack() -> Iterator[Stack]:
    with engine_folder() as folder:
        settings = Settings(data_dir=str(folder / "data"), api_port=free_port(), embedding_model="none")
        stack = Stack(settings, UpOptions(rate=RATE, seed=SEED, history_minutes=HISTORY_MINUTES), Progress())
        try:
            stack.start()
            yield stack
        finally:
            stack.stop.set()
            stack.close()


def child(stack: Stack, name: str) -> Child:
    return next(child for child in stack.supervisor.children if child.spec.name == name)


def resident(stack: Stack, name: str) -> int:
    return int(psutil.Process(child(stack, name).pid).memory_info().rss)


def answer(stack: Stack, path: str) -> tuple[int, str | None]:
    """Status and Retry-After."""
    try:
        with urllib.request.urlopen(stack.address + path, timeout=20) as response:
            return response.status, None
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Retry-After"]


def until_moved(stack: Stack, beyond: int, seconds: float = 90) -> int:
    deadline = time.monotonic() + seconds
    while True:
        try:
            now = position(stack.database)
            if now and now.position > beyond:
                return now.position
        except StoreUnavailable:
            pass
        assert time.monotonic() < deadline, "the cursor does not move"
        stack.watch(0.2)


@pytest.mark.timeout(300)
def test_postgresql_stopped_for_thirty_seconds_is_survived(stack: Stack) -> None:
    # given a stream that is being stored
    before = until_moved(stack, 0)
    postgres = child(stack, "postgres")
    others = {name: child(stack, name).pid for name in ("relay", "api", "worker", "valkey")}
    memory = resident(stack, "relay")
    # when PostgreSQL is stopped
    postgres.ask_to_stop()
    postgres.wait_stopped()
    stopped_at = time.monotonic()
    # then the API says so and when to ask again, and is alive itself
    status, retry_after = answer(stack, "/api/v1/topics")
    assert status == 503
    assert int(retry_after or 0) > 0
    deadline = time.monotonic() + 10
    while answer(stack, "/health/ready")[0] != 503:  # it asks anew when a request met the outage
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert answer(stack, "/health/live")[0] == 200
    stack.watch(OUTAGE_SECONDS - (time.monotonic() - stopped_at))
    # and nobody crashed, and the relay did not fill its memory
    assert {name: child(stack, name).pid for name in others} == others
    assert resident(stack, "relay") - memory < MOST_GROWTH_BYTES
    # when it is started again everything goes on by itself
    postgres.start()
    until_moved(stack, before)
    deadline = time.monotonic() + 30
    while answer(stack, "/api/v1/topics")[0] != 200:
        assert time.monotonic() < deadline, "the API does not come back"
        stack.watch(0.2)
    # and nothing was lost or doubled
    psutil.Process(child(stack, "relay").pid).suspend()
    stack.watch(0.5)
    stream_start = stack.simulator_anchor_us
    stream = stack.simulated_stream()
    assert compare(stack.database, stream, stream_start).none
    psutil.Process(child(stack, "relay").pid).resume()
