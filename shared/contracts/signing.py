"""Signatures between worker and render node: HMAC-SHA256 over everything that gives a message its meaning.

A request's signature covers method, target (path and query), time, nonce and the SHA-256 of the body; an
answer's covers the request's nonce, the status and the body, so that neither can be changed, moved to another
address or played again. The body's hash travels in a header: the signature is judged before the body is read.
"""

from __future__ import annotations

import hashlib
import hmac

#: Header names, in lower case as ASGI and httpx give them.
TIME, NONCE, BODY, SIGNATURE = (
    "x-groundswell-time",
    "x-groundswell-nonce",
    "x-groundswell-body-sha256",
    "x-groundswell-signature",
)
#: Clocks of worker and node may differ by so much; a nonce is remembered for as long as it could be played again.
SKEW_SECONDS = 60.0

_REQUEST, _ANSWER = "groundswell-render-request-1", "groundswell-render-answer-1"


def body_hash(body: bytes) -> str:
    """SHA-256 of ``body`` in hex."""
    return hashlib.sha256(body).hexdigest()


def sign_request(secret: str, method: str, target: str, milliseconds: int, nonce: str, body_sha256: str) -> str:
    """The signature, in hex. ``target``: path and query as sent. ``milliseconds``: since 1970, by the sender."""
    return _sign(secret, _REQUEST, method.upper(), target, str(milliseconds), nonce, body_sha256)


def sign_answer(secret: str, nonce: str, status: int, body_sha256: str) -> str:
    """The signature of an answer to the request with ``nonce``, in hex."""
    return _sign(secret, _ANSWER, nonce, str(status), body_sha256)


def same(one: str, other: str) -> bool:
    """Whether two signatures are equal, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _sign(secret: str, *parts: str) -> str:
    return hmac.new(secret.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()
