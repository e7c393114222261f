"""Posting to a Slack-compatible incoming webhook. Redirects are not followed; nothing logs the address."""

from __future__ import annotations

import time
from typing import Any

import httpx

from services.worker.delivery.outcome import SENT, Outcome, private, scrubbed
from services.worker.delivery.retry import retry_after_seconds
from shared.outbound.reach import Reach

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
#: An answer may drip in no longer than this, and no more of it is read.
ANSWER_SECONDS, ANSWER_BYTES = 15.0, 2_048
#: Answers that another try can change.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


def post(url: str, body: dict[str, Any], reach: Reach) -> Outcome:
    """Send ``body`` as JSON, where ``reach`` lets it. Never raises for what the other side does."""
    with reach.to(url) as trip:
        outcome = _post(url, body)
    return private(trip) or outcome


def _post(url: str, body: dict[str, Any]) -> Outcome:
    began = time.monotonic()
    try:
        with (
            httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, json=body) as answer,
        ):
            said = b""
            for piece in answer.iter_raw():
                said += piece
                if len(said) >= ANSWER_BYTES or time.monotonic() - began > ANSWER_SECONDS:
                    break
            return _judge(answer, said[:ANSWER_BYTES], url)
    except httpx.TimeoutException:
        return Outcome(reason="It did not answer in time.", again=True)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
        again = not isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | ValueError)
        return Outcome(reason=f"It could not be reached: {type(error).__name__}.", again=again)


def _judge(answer: httpx.Response, said: bytes, url: str) -> Outcome:
    status = answer.status_code
    if 200 <= status < 300:
        return SENT
    if 300 <= status < 400:
        return Outcome(reason=f"It answered {status}: it has moved. Redirects are not followed.")
    words = scrubbed(said.decode("utf-8", "replace"), url)
    return Outcome(
        reason=f"It answered {status}{f': {words}' if words else ''}.",
        again=status in _PASSING,
        after_seconds=retry_after_seconds(answer.headers.get("retry-after")),
    )
