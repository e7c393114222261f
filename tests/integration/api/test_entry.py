"""The whole process as its supervisor runs it: real engine, real search, graceful end."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from services.api.entry import run
from services.api.server import listen
from shared.config.settings import Settings
from shared.errors import ConfigurationError
from shared.schemas.health import Health
from shared.schemas.topic import TopicList
from shared.store.database import Database
from tests.support import records
from tests.support.waiting import eventually


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def settings(postgres_url: str, valkey_url: str, tmp_path: Path) -> Settings:
    return Settings(
        postgres_url=postgres_url,
        valkey_url=valkey_url,
        api_port=free_port(),
        embedding_model="none",
        data_dir=str(tmp_path),
    )


class Running:
    def __init__(self, settings: Settings) -> None:
        self._stop = threading.Event()
        self._codes: list[int] = []
        self._thread = threading.Thread(target=lambda: self._codes.append(run(settings, self._stop)))
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{settings.api_port}", timeout=20)

    def start(self) -> None:
        self._thread.start()
        eventually(self.ready)

    def ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self.http.get("/health/ready").status_code == 200
        return False

    def stop(self) -> tuple[int, float]:
        began = time.monotonic()
        self._stop.set()
        self._thread.join(timeout=30)
        self.http.close()
        return self._codes[0], time.monotonic() - began


@pytest.fixture
def running(settings: Settings) -> Iterator[Running]:
    running = Running(settings)
    running.start()
    yield running
    running.stop()


def states(running: Running) -> dict[str, str]:
    health = msgspec.json.decode(running.http.get("/api/v1/health").content, type=Health)
    return {component.name: component.state for component in health.components}


def test_it_says_how_it_is_and_searches_by_words_without_a_model(running: Running, database: Database) -> None:
    records.put_feed(database)
    stored = records.put_post(database, "a", text="the harbour bridge is closed")
    eventually(lambda: states(running).get("api.momentum") == "ok" and states(running).get("api.valkey") == "ok")
    assert states(running)["api"] == "ok"
    assert states(running)["api.embedder"] == "off"
    found = running.http.get("/api/v1/search", params={"q": "harbour"}).json()
    assert (found["mode"], [hit["post"]["id"] for hit in found["hits"]]) == ("text only", [stored])


def test_a_story_in_the_stored_posts_becomes_a_topic(settings: Settings, database: Database) -> None:
    records.put_feed(database)
    began = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=90)
    for minute in range(90):
        for number in range(4):
            time_ = began + timedelta(minutes=minute, seconds=number)
            name, words = f"{minute}-{number}", [f"word{(minute * 4 + number) % 40}"]
            if minute >= 70:
                words += ["harbour", "bridge"]
            records.put_post(
                database,
                name,
                time=time_,
                text=name,
                author=f"did:plc:{name}",
                terms=words,
                fingerprint=7919 * (minute * 4 + number) << 20,
            )
    records.put_cursor(database, "bluesky", began + timedelta(minutes=90))
    running = Running(settings)
    running.start()
    try:
        # its curve comes with a later tick
        topics = eventually(lambda: [topic for topic in topics_of(running).topics if any(topic.spark)])
    finally:
        running.stop()
    assert {"harbour", "bridge"} & set(topics[0].terms)


def topics_of(running: Running) -> TopicList:
    return msgspec.json.decode(running.http.get("/api/v1/topics").content, type=TopicList)


def test_it_ends_in_time_and_gives_the_lease_back(settings: Settings, database: Database) -> None:
    running = Running(settings)
    running.start()
    eventually(lambda: states(running).get("api.momentum") == "ok")
    code, seconds = running.stop()
    assert code == 0
    assert seconds < 20  # five where nothing else runs


def test_a_port_in_use_is_a_clear_mistake(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.api_port)), pytest.raises(ConfigurationError, match="listen"):
        run(settings, threading.Event())


def test_the_head_of_an_answer_does_not_wait_for_the_acknowledgement_of_the_last_one() -> None:
    with listen("127.0.0.1", 0) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
