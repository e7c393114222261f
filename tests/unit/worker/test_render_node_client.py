"""Whatever answers where the render node should be, the report goes on without it, and says why."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from services.worker.pipelines.durable import Interrupted
from services.worker.render import signed as signing_client
from services.worker.render.node import RenderNode
from services.worker.render.signed import NodeFailed, SignedClient
from shared.contracts import signing
from shared.contracts.render_jobs import JobStatus
from shared.pdf.inspect import PdfFacts
from tests.support.render_node import SECRET, free_port

RUNNING = msgspec.json.encode(JobStatus(id="x", state="running"))


class Behaviour:
    """What the server answers, as (status, body, signed with). ``cut``: hang up in the middle."""

    def __init__(self, status: int, body: bytes = b"{}", secret: str | None = SECRET, *, cut: bool = False) -> None:
        self.status, self.body, self.secret, self.cut = status, body, secret, cut
        self.asked: list[str] = []


@contextmanager
def server(behaviour: Behaviour) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            behaviour.asked.append(self.command)
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(behaviour.status)
            if behaviour.secret:
                digest = signing.body_hash(behaviour.body)
                nonce = self.headers[signing.NONCE]
                told = signing.sign_answer(behaviour.secret, nonce, behaviour.status, digest)
                self.send_header(signing.SIGNATURE, told)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", str(len(behaviour.body)))
            self.end_headers()
            self.wfile.write(behaviour.body[: len(behaviour.body) // 2] if behaviour.cut else behaviour.body)
            self.close_connection = True

        do_GET = do_PUT = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


def refuse(_: bytes) -> PdfFacts:
    raise AssertionError("there is no PDF to judge")


def fails(url: str, seconds: float = 5.0) -> NodeFailed:
    with pytest.raises(NodeFailed) as caught:
        RenderNode(SignedClient(url, SECRET), seconds, 0.01, threading.Event()).render("0" * 32, b"{}", refuse)
    return caught.value


@pytest.mark.parametrize(
    ("behaviour", "why", "tries"),
    [
        (Behaviour(500, secret=None), "Twice: It answered 500.", 2),
        (Behaviour(500, b'{"reason":"disk"}'), "Twice: It answered 500. disk", 2),
        (Behaviour(200, RUNNING, cut=True), "Twice: It could not be reached (RemoteProtocolError).", 2),
        (Behaviour(401, secret=None), "It refused our signature: the secret is not the same on both sides.", 1),
        (Behaviour(401, b'{"reason":"It came before."}'), "It answered 401. It came before.", 1),
        (Behaviour(200, RUNNING, secret="f" * 32), "Its answer (200) is not signed with our secret.", 1),
        (Behaviour(200, RUNNING, secret=None), "Its answer (200) is not signed with our secret.", 1),
        (Behaviour(302, secret=None), "Its answer (302) is not signed with our secret.", 1),
        (Behaviour(200, b"<html>"), "Its answer cannot be understood.", 1),
        (Behaviour(200, b"x" * 70_000), "Its answer is larger than 64 KB.", 1),
        (Behaviour(413, b'{"reason":"large"}'), "It answered 413. large", 1),
    ],
    ids=["500", "500-signed", "cut", "401", "replayed", "forged", "unsigned", "moved", "html", "large", "413"],
)
def test_what_a_wrong_answer_means(behaviour: Behaviour, why: str, tries: int) -> None:
    with server(behaviour) as url:
        assert fails(url).why == why
    assert behaviour.asked.count("PUT") == tries
    # and the job is called off, in case the node has it
    assert behaviour.asked[-1] == "DELETE"


def test_a_node_that_is_away_is_tried_twice() -> None:
    assert fails(f"http://127.0.0.1:{free_port()}").why == "Twice: It could not be reached (ConnectError)."


def test_a_node_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(signing_client, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert fails(url).why == "Twice: It did not answer in time."


def test_a_render_that_does_not_end_is_left_in_time() -> None:
    behaviour = Behaviour(200, RUNNING)
    with server(behaviour) as url:
        assert fails(url, seconds=0.2).why == "It took over 0.2 seconds."
    assert behaviour.asked[-1] == "DELETE"


def test_a_worker_that_stops_leaves_the_job_to_its_heir() -> None:
    behaviour = Behaviour(200, RUNNING)
    stopping = threading.Event()
    stopping.set()
    with server(behaviour) as url, pytest.raises(Interrupted):
        RenderNode(SignedClient(url, SECRET), 5, 0.01, stopping).render("0" * 32, b"{}", refuse)
    assert behaviour.asked == ["PUT"]
