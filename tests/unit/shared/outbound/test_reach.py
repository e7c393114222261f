"""Where requests may go: judged at the connect, with real servers, and a name that answers twice."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from services.worker.delivery import through_apprise, webhook
from shared.outbound.client import BYTES_MOST, Unreachable, ask
from shared.outbound.reach import Reach, is_public, read_reach

NOWHERE = Reach()
PRIVATE = (
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1"),
    *("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "255.255.255.255", "198.18.0.1"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe"),
    *("2002:7f00:1::", "2001:db8::1"),
)
PUBLIC = ("8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


class Server:
    """Counts who came. ``answer`` is what it says."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"ok")
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.came.append(self.path)
                status, headers, body = server.answer
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_port


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


@pytest.mark.parametrize(("addresses", "public"), [(PRIVATE, False), (PUBLIC, True)])
def test_what_is_public(addresses: tuple[str, ...], public: bool) -> None:
    assert {address for address in addresses if is_public(ip_address(address)) is not public} == set()


SPELLINGS = ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0.0.0.0")


@pytest.mark.parametrize("host", SPELLINGS)
def test_this_machine_is_not_reached_however_it_is_spelt(server: Server, host: str) -> None:
    outcome = webhook.post(f"http://{host}:{server.port}/x", {}, NOWHERE)
    assert outcome.reason
    assert not outcome.again
    assert "GROUNDSWELL_OUTBOUND_ALLOW" in outcome.reason
    outcome = through_apprise.notify(f"json://{host}:{server.port}/x", "t", "b", NOWHERE)
    assert outcome.reason
    with pytest.raises(Unreachable):
        asyncio.run(ask(NOWHERE, f"http://{host}:{server.port}/x"))
    assert server.came == []


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8", "localhost"])
def test_what_the_operator_allows_is_reached(server: Server, allowed: str) -> None:
    host = "localhost" if allowed == "localhost" else "127.0.0.1"
    reach = read_reach(f"ntfy.lan, {allowed}")
    assert webhook.post(f"http://{host}:{server.port}/one", {}, reach).reason is None
    assert through_apprise.notify(f"json://{host}:{server.port}/two", "t", "b", reach).reason is None
    assert asyncio.run(ask(reach, f"http://{host}:{server.port}/three")).status == 200
    assert [path.strip("/") for path in server.came] == ["one", "two", "three"]


def test_a_name_that_answers_otherwise_the_second_time_leads_nowhere(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public when it is looked up to be checked, this machine when it is looked up to be connected to."""
    asked: list[str] = []

    def resolve(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        asked.append(name)
        number = "8.8.8.8" if asked.count(name) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (number, int(port or 0)))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in ("one.example", "two.example", "three.example"):
        assert socket.getaddrinfo(name, 80)[0][4][0] == "8.8.8.8"  # what a check before would have seen
    assert webhook.post(f"http://one.example:{server.port}/", {}, NOWHERE).reason
    assert through_apprise.notify(f"json://two.example:{server.port}/", "t", "b", NOWHERE).reason
    with pytest.raises(Unreachable, match="private"):
        asyncio.run(ask(NOWHERE, f"http://three.example:{server.port}/"))
    assert {asked.count(name) >= 2 for name in ("one.example", "two.example", "three.example")} == {True}
    assert server.came == []


def test_a_redirect_is_an_answer_and_not_followed(server: Server) -> None:
    server.answer = (302, {"Location": f"http://127.0.0.1:{server.port}/inside"}, b"")
    reach = read_reach("127.0.0.1")
    assert "302" in (webhook.post(f"http://127.0.0.1:{server.port}/x", {}, reach).reason or "")
    assert through_apprise.notify(f"json://127.0.0.1:{server.port}/x", "t", "b", reach).reason
    assert asyncio.run(ask(reach, f"http://127.0.0.1:{server.port}/x")).status == 302
    assert [path for path in server.came if "inside" in path] == []


def test_an_answer_that_is_too_long_is_cut_off(server: Server) -> None:
    server.answer = (200, {}, b"x" * (BYTES_MOST + 1))
    with pytest.raises(Unreachable, match="too long"):
        asyncio.run(ask(read_reach("127.0.0.1"), f"http://127.0.0.1:{server.port}/"))


def test_an_answer_that_never_comes_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Unreachable, match="in time"):
            asyncio.run(ask(read_reach("127.0.0.1"), address, seconds=0.2))


def test_only_the_request_itself_is_held_back(server: Server) -> None:
    """Another thread, and this one afterwards, connect where they like."""
    address = f"http://127.0.0.1:{server.port}/"
    with NOWHERE.to("http://evil.example"), pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)
    statuses: list[int] = []
    with NOWHERE.to("http://evil.example"):
        thread = threading.Thread(target=lambda: statuses.append(httpx.get(address, trust_env=False).status_code))
        thread.start()
        thread.join()
    statuses.append(httpx.get(address, trust_env=False).status_code)
    assert statuses == [200, 200]


def test_sockets_of_this_machine_are_no_way_out(tmp_path: Any) -> None:
    with (
        NOWHERE.to("http://x.example"),
        socket.socket(socket.AF_UNIX) as client,
        pytest.raises(OSError, match="private"),
    ):
        client.connect(str(tmp_path / "socket"))
    with NOWHERE.to("http://x.example"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        with pytest.raises(OSError, match="private"):
            client.sendto(b"x", ("127.0.0.1", 514))
        with pytest.raises(OSError, match="private"):
            client.connect_ex(("169.254.169.254", 80))


@pytest.mark.parametrize("text", ["http://x", "a b", "a@b", "10.0.0.0/99", "-x"])
def test_what_is_neither_host_nor_network_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        read_reach(text)
