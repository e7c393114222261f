"""One report on a render node: tried, and tried once more under the same id."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec

from services.worker import metrics
from services.worker.pipelines.durable import Interrupted
from services.worker.render.signed import NodeFailed, SignedClient
from shared.contracts.render_jobs import MOST_PDF_BYTES, JobStatus, NodeHealth
from shared.errors import GroundswellError
from shared.pdf.inspect import PdfFacts, PdfRefused

TRIES = 2
#: Judges a PDF. Raises PdfRefused.
Judge = Callable[[bytes], PdfFacts]


class RenderNode:
    """The node behind ``client``. ``stopping`` ends every wait: the run is given back, and its job goes on here."""

    def __init__(self, client: SignedClient, seconds: float, poll_seconds: float, stopping: threading.Event) -> None:
        self._client, self._seconds, self._poll = client, seconds, poll_seconds
        self._stopping = stopping

    def health(self) -> NodeHealth:
        """How it is. Raises NodeFailed when it is away, or says that it cannot render."""
        answer = self._client.ask("GET", "/health")
        try:
            health = msgspec.json.decode(answer.body, type=NodeHealth)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NodeFailed(answer.reason() or "It gave no health.", again=False) from error
        if health.state == "down":
            raise NodeFailed(health.reason or "It says that it is down.")
        return health

    def render(self, job_id: str, body: bytes, judge: Judge) -> tuple[bytes, PdfFacts]:
        """The PDF that ``judge`` accepts. Raises NodeFailed after the second try, Interrupted when the worker stops.

        ``job_id`` names the work: what an earlier try, or a worker that died, left there is taken up, not repeated.
        """
        deadline = time.monotonic() + self._seconds
        reasons: list[str] = []
        while True:
            try:
                made = self._try(job_id, body, judge, deadline)
                metrics.NODE_TRIES.labels("done").inc()
                return made
            except NodeFailed as error:
                metrics.NODE_TRIES.labels("busy" if error.busy else "failed").inc()
                reasons.append(error.why)
                if len(reasons) == TRIES or not error.again or time.monotonic() > deadline:
                    self._forget(job_id)
                    raise NodeFailed(_told(reasons), busy=error.busy) from error
            self._wait(self._poll)

    def _try(self, job_id: str, body: bytes, judge: Judge, deadline: float) -> tuple[bytes, PdfFacts]:
        status = self._submit(job_id, body, deadline)
        while status.state in ("queued", "running"):
            self._in_time(deadline)
            self._wait(self._poll)
            status = self._status(job_id)
        if status.state == "failed":
            raise NodeFailed(status.reason or "It gave no reason.")
        answer = self._client.ask("GET", f"/v1/jobs/{job_id}/pdf", most=MOST_PDF_BYTES)
        if answer.status != 200:
            raise NodeFailed("It lost the PDF.")
        try:
            return answer.body, judge(answer.body)
        except PdfRefused as error:
            self._forget(job_id)  # else the next try would get the same
            raise NodeFailed(f"Its PDF was refused. {error.why}") from error

    def _submit(self, job_id: str, body: bytes, deadline: float) -> JobStatus:
        while True:
            answer = self._client.ask("PUT", f"/v1/jobs/{job_id}", body)
            match answer.status:
                case 200 | 202:
                    return _status(answer.body)
                case 409:  # another version of us asked under this id
                    self._forget(job_id)
                case 429:
                    if time.monotonic() + self._poll > deadline:
                        raise NodeFailed(answer.reason() or "It is busy.", again=False, busy=True)
                case code:
                    raise NodeFailed(f"It answered {code}. {answer.reason()}".strip(), again=code >= 500)
            self._in_time(deadline)
            self._wait(self._poll)

    def _status(self, job_id: str) -> JobStatus:
        answer = self._client.ask("GET", f"/v1/jobs/{job_id}")
        if answer.status == 404:
            raise NodeFailed("It forgot the report, as after a restart.")
        if answer.status != 200:
            raise NodeFailed(f"It answered {answer.status}. {answer.reason()}".strip(), again=answer.status >= 500)
        return _status(answer.body)

    def _in_time(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise NodeFailed(f"It took over {self._seconds:g} seconds.", again=False)

    def _forget(self, job_id: str) -> None:
        """Call the job off. Best effort: a node that is away forgets by itself."""
        try:
            self._client.ask("DELETE", f"/v1/jobs/{job_id}")
        except GroundswellError:
            return

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Interrupted("The worker stops.")


def _status(body: bytes) -> JobStatus:
    try:
        return msgspec.json.decode(body, type=JobStatus)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NodeFailed("Its answer cannot be understood.", again=False) from error


def _told(reasons: list[str]) -> str:
    if len(reasons) == 1:
        return reasons[0]
    first, second = reasons
    return f"Twice: {first}" if first == second else f"First: {first} Then: {second}"
