"""A real render node and a publishing program that misbehaves in every known way."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest

from services.worker.render.node import RenderNode
from services.worker.render.printer import _job
from services.worker.render.signed import Answered, NodeFailed, SignedClient
from shared.contracts import signing
from shared.contracts.render_jobs import MOST_JOB_BYTES, JobStatus, NodeHealth
from shared.pdf.inspect import PdfFacts, PdfRefused
from tests.support import pdfs
from tests.support.render_node import SECRET, Node, gone, node, until

BODY = msgspec.json.encode(_job(pdfs.report()))
SMALL = pdfs.good()
JOB_SECONDS = 3


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    locks = json.dumps([f"{folder}/state/*.lock"])
    limits = {"render_node_job_seconds": JOB_SECONDS, "render_node_memory_megabytes": 120}
    with node(folder, "by-file", SMALL, render_node_locks=locks, render_node_queue_jobs=2, **limits) as made:
        yield made


@pytest.fixture
def there(shared_node: Node) -> Node:
    """The node with no run counted and nothing crashed yet."""
    for name in ("runs", "crashed", "go", "eater"):
        (shared_node.state / name).unlink(missing_ok=True)
    return shared_node


def does(there: Node, mode: str) -> None:
    (there.state / "mode").write_text(mode)


def believe(_: bytes) -> PdfFacts:
    """The worker's own look at the PDF, which has tests of its own."""
    return PdfFacts(pages=1, text="", fonts=[], fonts_missing=[], images=0, links=[])


def one_try(there: Node) -> JobStatus:
    """A job submitted once and seen to its end."""
    client, path = there.client(), f"/v1/jobs/{uuid4().hex}"
    assert client.ask("PUT", path, BODY).status == 202

    def ended() -> JobStatus | None:
        status = status_of(client.ask("GET", path))
        return status if status.state in ("done", "failed") else None

    return until(ended)


def status_of(answer: Answered) -> JobStatus:
    return msgspec.json.decode(answer.body, type=JobStatus)


def test_a_report_is_printed_once_however_often_it_is_asked_for(there: Node) -> None:
    does(there, "good")
    job = uuid4().hex
    pdf, _ = there.asks().render(job, BODY, believe)
    assert pdf == SMALL
    assert status_of(there.client().ask("GET", f"/v1/jobs/{job}")).pages == 2
    assert there.asks().render(job, BODY, believe)[0] == pdf
    assert there.runs() == 1
    # and what the program was given is the report, its chart and nothing else of ours
    health = there.asks().health()
    assert (health.state, health.queued, health.queue_limit, health.program) == ("ok", 0, 2, "none")
    assert health.last is not None
    assert health.last.outcome == "done"
    assert health.free_memory_bytes > 0


def test_another_report_under_a_known_id_takes_its_place(there: Node) -> None:
    does(there, "good")
    job = uuid4().hex
    there.asks().render(job, BODY, believe)
    other = BODY.replace(b'"title":"', b'"title":"Other ', 1)
    assert other != BODY
    assert there.client().ask("PUT", f"/v1/jobs/{job}", other).status == 409
    assert there.asks().render(job, other, believe)[0] == SMALL
    assert there.runs() == 2


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("hang", f"The render command took over {JOB_SECONDS} seconds and was ended."),
        ("crash", "The render command was ended by signal 11."),
        ("eat", "The render command held more than 120 MB and was ended."),
        ("fail", "The render command failed with code 4: no such font: [31mComic[0m."),
        ("nothing", "The render command left no usable PDF. There is no file."),
        ("empty", "The render command left no usable PDF. It is empty."),
        ("text", "The render command left no usable PDF. It is no PDF."),
        ("truncated", "The render command left no usable PDF. "),
    ],
)
def test_whatever_the_program_does_is_a_reason(mode: str, reason: str, there: Node) -> None:
    does(there, mode)
    status = one_try(there)
    assert status.state == "failed"
    assert (status.reason or "").startswith(reason)
    # and the node goes on, says so, and nothing is left running
    health = there.asks().health()
    assert health.state == "degraded"
    assert health.reason == f"The last render failed. {status.reason}"
    pid = int((there.state / "runs").read_text().split()[-2])
    assert gone(pid)
    if mode == "eat":
        assert gone(int((there.state / "eater").read_text()))


def test_a_crash_in_the_middle_of_the_file_is_tried_again(there: Node) -> None:
    does(there, "crash-once")
    assert there.asks().render(uuid4().hex, BODY, believe)[0] == SMALL
    assert there.asks().health().state == "ok"
    assert there.runs() == 2


def test_a_lock_that_a_crash_left_is_removed_before_the_next_job(there: Node) -> None:
    # given a program that refuses to work while its template is locked, and that crashes with the lock held
    does(there, "locks")
    # when a report is asked for, then the second try finds no lock
    assert there.asks().render(uuid4().hex, BODY, believe)[0] == SMALL
    assert there.runs() == 2
    assert not (there.state / "template.lock").exists()


def test_two_failures_are_told_in_one_sentence(there: Node) -> None:
    does(there, "fail")
    with pytest.raises(NodeFailed) as caught:
        there.asks().render(uuid4().hex, BODY, believe)
    assert caught.value.why == "Twice: The render command failed with code 4: no such font: [31mComic[0m."
    assert there.runs() == 2


def test_a_pdf_that_the_worker_refuses_is_not_taken_from_the_next_try(there: Node) -> None:
    # given a program that first makes a PDF that opens well on the node and is not what we want
    (there.state / "bad.pdf").write_bytes(SMALL + b"%another\n")
    does(there, "file:bad.pdf")
    seen: list[str] = []

    def strict(pdf: bytes) -> PdfFacts:
        seen.append("judged")
        does(there, "good")
        if pdf != SMALL:
            raise PdfRefused("It links to an address that is not ours.")
        return believe(pdf)

    # then the second try renders anew
    assert there.asks().render(uuid4().hex, BODY, strict)[0] == SMALL
    assert (there.runs(), len(seen)) == (2, 2)


def test_a_full_queue_is_busy_and_a_job_can_be_called_off(there: Node) -> None:
    does(there, "wait")
    client = there.client()
    paths = [f"/v1/jobs/{uuid4().hex}" for _ in range(4)]
    assert client.ask("PUT", paths[0], BODY).status == 202
    until(lambda: status_of(client.ask("GET", paths[0])).state == "running" and there.runs() == 1)
    pid = int((there.state / "runs").read_text().split()[0])
    assert [client.ask("PUT", path, BODY).status for path in paths[1:]] == [202, 202, 429]
    health = there.asks().health()
    assert health.queued == 2
    assert health.running_seconds is not None
    # a report that finds it full gives up in time, and nothing is wrong with the node
    with pytest.raises(NodeFailed) as caught:
        there.asks(seconds=0.2).render(uuid4().hex, BODY, believe)
    assert (caught.value.busy, caught.value.why) == (True, "The queue is full. 2 jobs wait.")
    # what is called off ends at once
    assert [client.ask("DELETE", path).status for path in reversed(paths)] == [404, 204, 204, 204]
    until(lambda: gone(pid))
    assert until(lambda: there.asks().health().running_seconds is None)
    assert there.runs() == 1


def test_a_slow_program_is_waited_for_and_a_too_slow_one_is_not(there: Node) -> None:
    does(there, "slow")
    assert there.asks().render(uuid4().hex, BODY, believe)[0] == SMALL
    does(there, "wait")
    with pytest.raises(NodeFailed) as caught:
        there.asks(seconds=0.5).render(uuid4().hex, BODY, believe)
    assert caught.value.why == "It took over 0.5 seconds."
    until(lambda: there.asks().health().running_seconds is None)  # it was called off


def test_a_lost_answer_costs_no_second_render(there: Node) -> None:
    does(there, "good")
    client = Unlucky(there.url, ["GET /pdf"])
    pdf, _ = RenderNode(client, 15, 0.03, threading.Event()).render(uuid4().hex, BODY, believe)
    assert pdf == SMALL
    assert there.runs() == 1
    client = Unlucky(there.url, ["PUT"])
    RenderNode(client, 15, 0.03, threading.Event()).render(uuid4().hex, BODY, believe)
    assert there.runs() == 2


class Unlucky(SignedClient):
    """Loses the first answer to each kind of request: the node did what was asked, and nobody hears of it."""

    def __init__(self, url: str, losses: list[str]) -> None:
        super().__init__(url, SECRET)
        self.losses = losses

    def ask(self, method: str, path: str, body: bytes = b"", *, most: int = 65536) -> Answered:
        answer = super().ask(method, path, body, most=most)
        kind = f"{method} /pdf" if path.endswith("/pdf") else method
        if kind in self.losses:
            self.losses.remove(kind)
            raise NodeFailed("It could not be reached (ReadError).")
        return answer


def signed(method: str, target: str, body: bytes = b"", *, secret: str = SECRET, off: float = 0.0) -> dict[str, str]:
    nonce, sent, digest = uuid4().hex, int((time.time() + off) * 1000), signing.body_hash(body)
    signature = signing.sign_request(secret, method, target, sent, nonce, digest)
    return {signing.TIME: str(sent), signing.NONCE: nonce, signing.BODY: digest, signing.SIGNATURE: signature}


def announced(there: Node, path: str, length: int) -> bytes:
    """The answer to a request of which only the head was sent."""
    head = {**signed("PUT", path, b"x"), "host": "x", "content-length": str(length)}
    with socket.create_connection(("127.0.0.1", there.settings["render_node_port"])) as line:
        line.sendall(f"PUT {path} HTTP/1.1\r\n".encode() + "".join(f"{k}: {v}\r\n" for k, v in head.items()).encode())
        line.sendall(b"\r\n")
        return line.recv(4096)


def test_nothing_answers_without_a_signature_but_one_word(there: Node) -> None:
    does(there, "good")
    assert one_try(there).state == "done"
    with httpx.Client(base_url=there.url) as http:
        assert http.get("/health").json() == {"state": "ok"}
        for method, path in (
            *(("GET", path) for path in ("/", "/v1/jobs", "/metrics", "/health/", "/docs", f"/v1/jobs/{'0' * 32}")),
            ("POST", "/health"),
            ("PUT", f"/v1/jobs/{'0' * 32}"),
            ("DELETE", f"/v1/jobs/{'0' * 32}"),
        ):
            answer = http.request(method, path)
            assert (method, path, answer.status_code) == (method, path, 401)
            assert answer.json() == {"reason": "It is not signed."}
            assert signing.SIGNATURE not in answer.headers
        # signed wrongly, too late, or twice
        wrong = http.get("/health", headers=signed("GET", "/health", secret="z" * 32))
        assert (wrong.status_code, wrong.json()["reason"]) == (401, "Its signature is not valid.")
        skewed = http.get("/health", headers=signed("GET", "/health", off=600))
        assert skewed.json()["reason"] == "Its time is 600 s ahead of here."
        headers = signed("GET", "/health")
        assert msgspec.json.decode(http.get("/health", headers=headers).content, type=NodeHealth).version
        replayed = http.get("/health", headers=headers)
        assert (replayed.status_code, replayed.json()["reason"]) == (401, "It came before.")
        # a body that is not the one signed, none at all, one that is too large, and one that is no job
        path = f"/v1/jobs/{uuid4().hex}"
        assert http.put(path, headers=signed("PUT", path, BODY), content=BODY + b" ").status_code == 401
        assert announced(there, path, MOST_JOB_BYTES + 1).startswith(b"HTTP/1.1 413 ")
        for body in (
            b"",
            b"[]",
            b'{"report":1}',
            b'{"report":{},"assets":[{"label":"x","media_type":"a/b","data":""}]}',
        ):
            answer = http.put(path, headers=signed("PUT", path, body), content=body)
            assert (answer.status_code, answer.json()["reason"][:18]) == (400, "The body is no job")
        odd = "/v1/jobs/..%2f..%2fetc"
        assert http.put(odd, headers=signed("PUT", odd, BODY), content=BODY).status_code == 404
        # a body that never comes
        assert announced(there, path, 10).startswith(b"HTTP/1.1 408 ")
    assert there.runs() == 1


def test_a_wrong_secret_on_our_side_is_not_tried_twice(there: Node) -> None:
    client = SignedClient(there.url, "another secret of 32 characters!!")
    with pytest.raises(NodeFailed) as caught:
        RenderNode(client, 5, 0.03, threading.Event()).render(uuid4().hex, BODY, believe)
    assert caught.value.why == "It refused our signature: the secret is not the same on both sides."


def test_a_node_that_is_killed_leaves_nothing_running_and_is_asked_again(tmp_path: Path) -> None:
    with node(tmp_path, "wait", SMALL) as killed:
        # given a node that is killed in the middle of a render
        job, client = "0" * 32, killed.client()
        client.ask("PUT", f"/v1/jobs/{job}", BODY)
        until(lambda: killed.runs() == 1 and (tmp_path / "node/running.json").exists())
        pid = int((killed.state / "runs").read_text().split()[0])
        killed.kill()
        assert not gone(pid)
        with pytest.raises(NodeFailed, match="It could not be reached"):
            killed.asks().health()
        # when it is started again, then it ends what it left behind, and knows the job no more
        killed.start()
        assert gone(pid)
        assert client.ask("GET", f"/v1/jobs/{job}").status == 404
        # and who asks again gets the report
        (killed.state / "go").touch()
        assert killed.asks().render(job, BODY, believe)[0] == SMALL
        # when it is stopped in the middle of a render, then it ends that first
        (killed.state / "go").unlink()
        client.ask("PUT", f"/v1/jobs/{'1' * 32}", BODY)
        until(lambda: killed.runs() == 3)
        pid = int((killed.state / "runs").read_text().split()[-2])
        killed.kill(signal.SIGTERM)
        assert gone(pid)
