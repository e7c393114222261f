"""Requests to a render node, signed, and answers that are believed only when they are signed too."""

from __future__ import annotations

import secrets
import time

import httpx
import msgspec

from shared.contracts import signing
from shared.contracts.render_jobs import Refusal
from shared.errors import RenderFailed

#: Most that one exchange may take, and that an answer other than a PDF may hold.
SECONDS, CONNECT_SECONDS = 10.0, 3.0
MOST_WORDS_BYTES = 64 * 1024


class NodeFailed(RenderFailed):
    """The node did not do it. ``again``: another try may help. ``busy``: nothing is wrong with it."""

    def __init__(self, why: str, *, again: bool = True, busy: bool = False) -> None:
        super().__init__("The render node failed.", why=why)
        self.again, self.busy = again, busy


class Answered(msgspec.Struct, frozen=True):
    """A signed answer."""

    status: int
    body: bytes

    def reason(self) -> str:
        """What it says of a refusal."""
        try:
            return msgspec.json.decode(self.body, type=Refusal).reason[:400]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ""


class SignedClient:
    """One node. Follows no redirects, uses no proxies, and keeps no connection between reports."""

    def __init__(self, url: str, secret: str) -> None:
        self._url, self._secret = url, secret

    def ask(self, method: str, path: str, body: bytes = b"", *, most: int = MOST_WORDS_BYTES) -> Answered:
        """The node's answer. Raises NodeFailed: it is away, slow, hung up, says too much, or is another."""
        nonce = secrets.token_hex(16)
        digest = signing.body_hash(body)
        began = time.monotonic()
        try:
            request = httpx.Request(method, self._url + path, content=body)
            target = request.url.raw_path.decode("ascii")
            now = int(time.time() * 1000)
            request.headers[signing.TIME] = str(now)
            request.headers[signing.NONCE] = nonce
            request.headers[signing.BODY] = digest
            request.headers[signing.SIGNATURE] = signing.sign_request(self._secret, method, target, now, nonce, digest)
            with httpx.Client(
                timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS), follow_redirects=False, trust_env=False
            ) as client:
                answer = client.send(request, stream=True)
                try:
                    said = _read(answer, began, most)
                finally:
                    answer.close()
        except httpx.TimeoutException as error:
            raise NodeFailed("It did not answer in time.") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            raise NodeFailed(f"It could not be reached ({type(error).__name__}).") from error
        return self._believed(answer, said, nonce)

    def _believed(self, answer: httpx.Response, said: bytes, nonce: str) -> Answered:
        wanted = signing.sign_answer(self._secret, nonce, answer.status_code, signing.body_hash(said))
        if signing.same(answer.headers.get(signing.SIGNATURE, ""), wanted):
            return Answered(answer.status_code, said)
        if answer.status_code == 401:
            raise NodeFailed("It refused our signature: the secret is not the same on both sides.", again=False)
        if answer.status_code >= 500:
            raise NodeFailed(f"It answered {answer.status_code}.")
        raise NodeFailed(f"Its answer ({answer.status_code}) is not signed with our secret.", again=False)


def _read(answer: httpx.Response, began: float, most: int) -> bytes:
    """The body, as sent. A slow drip and an endless body end here."""
    said = bytearray()
    for piece in answer.iter_raw():
        said += piece
        if len(said) > most:
            raise NodeFailed(f"Its answer is larger than {most // 1024} KB.", again=False)
        if time.monotonic() - began > 3 * SECONDS:
            raise NodeFailed("Its answer did not end in time.")
    return bytes(said)
