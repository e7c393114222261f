"""Whatever listens on the port, the command line answers in words."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.solo.client import ApiClient
from shared.config.settings import Settings
from shared.errors import DependencyError
from shared.schemas.feed import FeedList


@contextmanager
def listener(answer: bytes) -> Iterator[ApiClient]:
    """A client of a program that says ``answer`` to its first caller."""

    def serve() -> None:
        caller, _ = server.accept()
        with caller:
            caller.recv(65_536)
            caller.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield ApiClient(Settings(api_port=server.getsockname()[1]))
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
    ],
    ids=["no http", "a page", "another api", "cut short"],
)
def test_a_stranger_on_the_port_is_told_from_groundswell(answer: bytes) -> None:
    with listener(answer) as client, pytest.raises(DependencyError, match="is not Groundswell"):
        client.get("/api/v1/feeds", FeedList)


def test_a_proxy_of_the_environment_sees_neither_the_request_nor_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    body = b'{"feeds": [], "gaps": []}'
    with listener(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)) as client:
        assert client.get("/api/v1/feeds", FeedList).feeds == []
