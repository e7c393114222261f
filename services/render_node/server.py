"""The node's HTTP interface: a small ASGI application. Every answer to a signed request is signed too."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from services.render_node import metrics
from services.render_node.door import OPEN, Door, Turned
from services.render_node.health import Health
from services.render_node.jobs import Jobs, QueueFull
from services.render_node.timings import Timings
from shared.contracts import signing
from shared.contracts.render_jobs import MOST_ASSETS, MOST_JOB_BYTES, Refusal, RenderJob
from shared.errors import ConflictError
from shared.telemetry import logs

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_JOB = re.compile(r"/v1/jobs/([0-9a-f]{32})(/pdf)?")


class Answer(msgspec.Struct, frozen=True):
    """Status, body, and what it is."""

    status: int
    body: bytes
    media_type: str = "application/json"
    retry_after: int | None = None


class Gone(Exception):
    """The caller hung up: there is nobody to answer."""


class Application:
    """ASGI. ``/health`` is open and says one word; all else asks for a signature before it says anything."""

    def __init__(self, secret: str, door: Door, jobs: Jobs, health: Health, timings: Timings) -> None:
        self._secret, self._door, self._jobs, self._health, self._timings = secret, door, jobs, health, timings

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        nonce: str | None = None
        try:
            nonce, answer = await self._answer(scope, receive)
        except Gone:
            return
        except Turned as error:
            metrics.REFUSED.labels(error.kind).inc()
            if error.nonce:  # strangers are counted, and write no log
                logs.get(__name__).warning("request_refused", reason=error.why)
            nonce, answer = error.nonce, refusal(401, error.why)
        except Exception:
            logs.get(__name__).exception("request_failed")
            answer = refusal(500, "The node's log has the details.")
        await self._say(send, answer, nonce)

    async def _answer(self, scope: dict[str, Any], receive: Receive) -> tuple[str | None, Answer]:
        method, path = scope["method"], scope["path"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if (method, path) in OPEN and signing.SIGNATURE not in headers:
            state = self._health.state()
            return None, Answer(503 if state == "down" else 200, msgspec.json.encode({"state": state}))
        query = scope["query_string"].decode("latin-1")
        target = (scope.get("raw_path") or path.encode()).decode("latin-1") + (f"?{query}" if query else "")
        nonce, wanted = self._door.judge(method, target, headers)
        try:
            body = await asyncio.wait_for(self._read(headers, receive), self._timings.body_seconds)
        except TimeoutError:
            return nonce, refusal(408, "The body did not arrive in time.")
        if body is None:
            return nonce, refusal(413, f"The body is larger than {MOST_JOB_BYTES // 1024**2} MB.")
        if signing.body_hash(body) != wanted:
            raise Turned("signature", "Its body is not the one that was signed.", nonce)
        return nonce, await asyncio.to_thread(self._route, method, path, body)

    async def _read(self, headers: dict[str, str], receive: Receive) -> bytes | None:
        """The body; ``None`` when it is too large."""
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_JOB_BYTES:
            return None
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            body += message.get("body", b"")
            if len(body) > MOST_JOB_BYTES:
                return None
            if not message.get("more_body"):
                return bytes(body)

    def _route(self, method: str, path: str, body: bytes) -> Answer:
        if (method, path) == ("GET", "/health"):
            health = self._health.full()
            return Answer(503 if health.state == "down" else 200, msgspec.json.encode(health))
        found = _JOB.fullmatch(path)
        if not found:
            return refusal(404, "There is no such address.")
        job_id, wants_pdf = found[1], bool(found[2])
        if wants_pdf and method == "GET":
            pdf = self._jobs.pdf(job_id)
            return Answer(200, pdf, "application/pdf") if pdf else refusal(404, "There is no such PDF.")
        if wants_pdf or method not in ("GET", "PUT", "DELETE"):
            return refusal(405, "That cannot be done here.")
        if method == "PUT":
            return self._submit(job_id, body)
        if method == "DELETE":
            return Answer(204, b"") if self._jobs.forget(job_id) else refusal(404, "There is no such job.")
        status = self._jobs.find(job_id)
        return Answer(200, msgspec.json.encode(status)) if status else refusal(404, "There is no such job.")

    def _submit(self, job_id: str, body: bytes) -> Answer:
        try:
            wanted = msgspec.json.decode(body, type=RenderJob)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return refusal(400, f"The body is no job: {error}.")
        if len(wanted.assets) > MOST_ASSETS:
            return refusal(400, f"It has more than {MOST_ASSETS} assets.")
        try:
            status = self._jobs.submit(job_id, signing.body_hash(body), wanted)
        except ConflictError as error:
            return refusal(409, error.what)
        except QueueFull as error:
            return msgspec.structs.replace(refusal(429, f"{error.what} {error.why}"), retry_after=5)
        except OSError as error:
            return refusal(507, f"The job could not be written: {error.strerror}.")
        return Answer(200 if status.state == "done" else 202, msgspec.json.encode(status))

    async def _say(self, send: Send, answer: Answer, nonce: str | None) -> None:
        digest = signing.body_hash(answer.body)
        headers = {
            "content-type": answer.media_type,
            "content-length": str(len(answer.body)),
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        if answer.retry_after is not None:
            headers["retry-after"] = str(answer.retry_after)
        if nonce is not None:
            headers[signing.BODY] = digest
            headers[signing.SIGNATURE] = signing.sign_answer(self._secret, nonce, answer.status, digest)
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": answer.body})


def refusal(status: int, reason: str) -> Answer:
    """A refusal with its reason."""
    return Answer(status, msgspec.json.encode(Refusal(reason=reason)))
