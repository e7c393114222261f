"""The live stream with real sockets: resume without loss, misses told, restarts, slow and many clients."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
import redis
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from services.api.broadcast import hub as hub_module
from services.api.metrics import LIVE_CLIENTS
from shared.config.settings import Settings
from shared.contracts.channels import LIVE_STREAM
from shared.schemas.live import PostsDeleted
from shared.store.ring import LivePublisher
from tests.support.api import Served, served
from tests.support.severable import severable
from tests.support.waiting import eventually


@pytest.fixture
def publisher(valkey_url: str) -> Iterator[LivePublisher]:
    publisher = LivePublisher(valkey_url)
    yield publisher
    publisher.close()


@contextlib.contextmanager
def watching(api: Served, after: str | None = None, **options: Any) -> Iterator[ClientConnection]:
    address = api.live if after is None else f"{api.live}?after={quote(after)}"
    with connect(address, proxy=None, close_timeout=2, **options) as connection:
        yield connection


def hear(connection: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of ``kind``; beats in between are let pass."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        message: dict[str, Any] = json.loads(connection.recv(timeout=20))
        if message["type"] == kind:
            return message
        assert message["type"] == "beat", message
    raise AssertionError(f"no {kind} came")


def close_code(connection: ClientConnection) -> int | None:
    """What the server closes with, whatever it sends before."""
    try:
        while True:
            connection.recv(timeout=20)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def say(publisher: LivePublisher, text: str) -> str:
    return publisher.publish(PostsDeleted(posts=[text]))


def test_the_first_message_is_hello_and_then_what_is_published(api: Served, publisher: LivePublisher) -> None:
    with watching(api) as browser:
        hello = hear(browser, "hello")
        assert (hello["resumed"], hello["missed"]) == (False, False)
        assert hello["id"]
        sent = say(publisher, "one")
        heard = hear(browser, "deleted")
        assert (heard["id"], heard["posts"]) == (sent, ["one"])


def test_a_browser_that_reconnects_gets_exactly_what_it_missed(api: Served, publisher: LivePublisher) -> None:
    with watching(api) as browser:
        hear(browser, "hello")
        say(publisher, "seen")
        last = hear(browser, "deleted")["id"]
    away = [say(publisher, f"while away {number}") for number in range(120)]
    with watching(api, last) as browser:
        hello = hear(browser, "hello")
        assert (hello["resumed"], hello["missed"], hello["id"]) == (True, False, last)
        assert [hear(browser, "deleted")["id"] for _ in away] == away
        say(publisher, "after")
        assert hear(browser, "deleted")["posts"] == ["after"]


def test_a_browser_that_saw_nothing_yet_resumes_too(api: Served, publisher: LivePublisher) -> None:
    with watching(api) as browser:
        hello = hear(browser, "hello")
    say(publisher, "first of all")
    with watching(api, hello["id"]) as browser:
        assert hear(browser, "hello")["resumed"]
        assert hear(browser, "deleted")["posts"] == ["first of all"]


def test_nothing_is_lost_over_a_restart_of_the_api(settings: Settings, publisher: LivePublisher) -> None:
    with served(settings) as api, watching(api) as browser:
        hear(browser, "hello")
        say(publisher, "before")
        last = hear(browser, "deleted")["id"]
    say(publisher, "meanwhile")
    with served(settings) as api, watching(api, last) as browser:
        hello = hear(browser, "hello")
        assert (hello["resumed"], hello["missed"]) == (True, False)
        assert hear(browser, "deleted")["posts"] == ["meanwhile"]


@pytest.mark.parametrize("after", ["1-1", "99999999999999-0", "nonsense", "\0", "💥" * 50])
def test_a_position_we_do_not_hold_is_told_as_missed(api: Served, publisher: LivePublisher, after: str) -> None:
    say(publisher, "x")
    with watching(api, after) as browser:
        hello = hear(browser, "hello")
        assert (hello["resumed"], hello["missed"]) == (False, True)


def test_a_stop_sends_browsers_away_with_1001(settings: Settings) -> None:
    with contextlib.ExitStack() as running:
        api = running.enter_context(served(settings))
        browser = running.enter_context(watching(api))
        hear(browser, "hello")
        began = time.monotonic()
        api.stop()
        assert time.monotonic() - began < 10
        assert close_code(browser) == 1001


def test_valkey_away_is_said_in_beats_and_nothing_is_missed(
    settings: Settings, publisher: LivePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(hub_module.Hub.next, "__defaults__", (0.2,))
    with severable(settings.valkey_url) as (line, url):
        through = msgspec.structs.replace(settings, valkey_url=url)
        with served(through) as api, watching(api) as browser:
            hear(browser, "hello")
            say(publisher, "before")
            hear(browser, "deleted")
            # when the line is cut
            line.cut()
            eventually(lambda: hear(browser, "beat")["live"] == "degraded")
            eventually(lambda: api.http.get("/api/v1/feeds").status_code == 200)
            say(publisher, "while cut")
            # then, mended, what came meanwhile arrives
            line.mend()
            assert hear(browser, "deleted")["posts"] == ["while cut"]
            eventually(lambda: hear(browser, "beat")["live"] == "ok")
            assert ("valkey", "ok", None) in api.said


def test_valkey_restarted_empty_makes_browsers_return_and_miss(settings: Settings, publisher: LivePublisher) -> None:
    with (
        severable(settings.valkey_url) as (line, url),
        served(msgspec.structs.replace(settings, valkey_url=url)) as api,
    ):
        with watching(api) as browser:
            hear(browser, "hello")
            say(publisher, "lost with the old stream")
            last = hear(browser, "deleted")["id"]
            line.cut()
            with redis.Redis.from_url(settings.valkey_url) as valkey:
                valkey.flushall()
            say(publisher, "new stream")
            line.mend()
            assert close_code(browser) == 1012
        with watching(api, last) as browser:
            hello = hear(browser, "hello")
            assert (hello["resumed"], hello["missed"]) == (False, True)
            say(publisher, "on again")
            assert hear(browser, "deleted")["posts"] == ["on again"]


def test_what_is_not_a_live_message_is_left_out(api: Served, publisher: LivePublisher, valkey_url: str) -> None:
    with watching(api) as browser, redis.Redis.from_url(valkey_url) as valkey:
        hear(browser, "hello")
        for junk in (b"\xff", b"{}", b'{"type":"nothing"}', b"["):
            valkey.xadd(LIVE_STREAM, {"m": junk})
        valkey.xadd(LIVE_STREAM, {"other": "field"})
        say(publisher, "good")
        assert hear(browser, "deleted")["posts"] == ["good"]


def test_one_client_too_many_is_told_to_come_later(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hub_module.Hub.__init__.__kwdefaults__, "clients_most", 1)
    with served(settings) as api:
        with watching(api) as first:
            hear(first, "hello")
            with watching(api) as second:
                assert close_code(second) == 1013
        eventually(lambda: joins(api))


def joins(api: Served) -> bool:
    with contextlib.suppress(ConnectionClosed), watching(api) as browser:
        return bool(hear(browser, "hello"))
    return False


def test_a_client_that_does_not_read_is_closed_and_the_others_go_on(
    settings: Settings, publisher: LivePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hub_module.Hub.__init__.__kwdefaults__, "lag_most", 20)
    with (
        served(settings) as api,
        socket.create_connection(("127.0.0.1", api.port)) as stuck,
        watching(api) as reader,
    ):
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(
            f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        hear(reader, "hello")
        eventually(lambda: clients() == 2)
        big = "x" * 200_000
        for number in range(100):
            say(publisher, big)
            assert hear(reader, "deleted")["posts"] == [big], number
        eventually(lambda: clients() == 1)


def clients() -> float:
    return LIVE_CLIENTS._value.get()  # type: ignore[no-any-return]


def test_foreign_pages_and_strangers_get_no_stream(settings: Settings) -> None:
    with served(msgspec.structs.replace(settings, api_token="t" * 20)) as api:
        refused: list[dict[str, Any]] = [
            {"additional_headers": {"Host": "evil.example"}},
            {"additional_headers": {"Authorization": "Bearer " + "t" * 20}, "origin": "https://evil.example"},
            {"additional_headers": {"Authorization": "Bearer " + "t" * 20}, "origin": "null"},
            {"additional_headers": {"Authorization": "Bearer wrong"}},
            {},
        ]
        for options in refused:
            with pytest.raises(InvalidStatus) as error, watching(api, **options):
                pass
            assert error.value.response.status_code in (400, 403), options
        own = {"additional_headers": {"Authorization": "Bearer " + "t" * 20}, "origin": api.url}
        with watching(api, **own) as browser:
            assert datetime.fromisoformat(hear(browser, "hello")["now"]) <= datetime.now(UTC)
