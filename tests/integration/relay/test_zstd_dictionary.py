"""Where dictionaries come from, over loopback HTTP, and what is not taken from there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.relay.sources.zstd_dictionary import SERVER, SERVER_PATH, Dictionaries, server_url
from tests.support import zstd

FEED = "ws://feed.example/subscribe"


class Web:
    """Answers every request with ``status`` and ``body``."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, zstd.dictionary(7), list[str]()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append(self.path)
                self.send_response(web.status)
                if web.status == 302:
                    self.send_header("Location", f"{web.url}/elsewhere")
                self.send_header("Content-Length", str(len(web.body)))
                self.end_headers()
                self.wfile.write(web.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    thread = threading.Thread(target=web.server.serve_forever, daemon=True)
    thread.start()
    yield web
    web.server.shutdown()
    web.server.server_close()
    thread.join()


def test_an_address_is_fetched_once_and_kept(web: Web, tmp_path: Path) -> None:
    where = f"{web.url}/some/dictionary?x=1#sha256={sha256(web.body).hexdigest().upper()}"
    for _ in range(2):
        dictionaries = Dictionaries(where, tmp_path / "cache")
        for _ in range(2):
            found = dictionaries.get(FEED)
            assert found is not None
            assert (found.id, found.data) == (7, web.body)
    assert web.asked == ["/some/dictionary?x=1"]


def test_a_damaged_copy_is_fetched_again(web: Web, tmp_path: Path) -> None:
    where = f"{web.url}/d"
    assert Dictionaries(where, tmp_path).get(FEED)
    [kept] = tmp_path.iterdir()
    kept.write_bytes(b"cut off")
    assert Dictionaries(where, tmp_path).get(FEED)
    assert len(web.asked) == 2


@pytest.mark.parametrize(
    ("status", "body", "fragment", "why"),
    [
        (404, b"", "", "HTTP 404"),
        (302, b"", "", "HTTP 302"),
        (200, b"<html>sign in</html>", "", "no structured zstd dictionary"),
        (200, bytes(3_000_000), "", "larger than"),
        (200, zstd.dictionary(7), "#sha256=00", "expected was 00"),
    ],
)
def test_what_is_not_the_dictionary_is_said_and_not_kept(
    web: Web, tmp_path: Path, status: int, body: bytes, fragment: str, why: str
) -> None:
    web.status, web.body = status, body
    dictionaries = Dictionaries(f"{web.url}/d{fragment}", tmp_path)
    with capture_logs() as said:
        assert dictionaries.get(FEED) is None
        assert dictionaries.get(FEED) is None
    assert set(web.asked) == {"/d"}
    assert not [*tmp_path.iterdir()]
    # each reason is said once
    [entry] = [entry for entry in said if entry["event"] == "feed_uncompressed"]
    assert why in entry["why"]


@pytest.mark.parametrize("where", ["http://feed.example/d", "ftp://127.0.0.1/d", "http://127.0.0.1:1/d", "/nowhere"])
def test_what_cannot_be_fetched_leaves_the_feed_plain(tmp_path: Path, where: str) -> None:
    assert Dictionaries(where, tmp_path).get(FEED) is None


def test_the_servers_own_comes_from_the_feeds_host_and_can_be_forgotten(web: Web, tmp_path: Path) -> None:
    feed = web.url.replace("http", "ws") + "/xrpc/network.bsky.jetstream.subscribeEvents"
    dictionaries = Dictionaries(SERVER, tmp_path)
    assert dictionaries.get(feed)
    web.body = zstd.dictionary(8)
    assert dictionaries.forget(feed)
    found = dictionaries.get(feed)
    assert found is not None
    assert found.id == 8
    assert web.asked == [SERVER_PATH] * 2
    assert not Dictionaries("/a/file", tmp_path).forget(feed)
    assert Dictionaries("", tmp_path).get(feed) is None


def test_the_servers_address_keeps_no_user_and_follows_the_feeds_security() -> None:
    assert server_url("wss://user:secret@feed.example:8443/subscribe") == f"https://feed.example:8443{SERVER_PATH}"
    assert server_url("ws://feed.example/x") == f"http://feed.example{SERVER_PATH}"
