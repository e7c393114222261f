"""One HTTP request with bounds: a deadline, no redirect, an answer of limited size."""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlsplit

from shared.errors import FeedUnavailable

#: For the whole exchange, and for what it may answer.
SECONDS = 10.0
MOST_BYTES = 65_536


def exchange(method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and content of the answer. Raises FeedUnavailable, which tells nothing of ``body``."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    deadline = time.monotonic() + SECONDS
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        content = b""
        while piece := answer.read1(MOST_BYTES):
            content += piece
            if len(content) > MOST_BYTES:
                raise FeedUnavailable("Signing in failed.", why=f"{parts.hostname} answers with too much.")
            if time.monotonic() > deadline:
                raise FeedUnavailable("Signing in failed.", why=f"{parts.hostname} answers too slowly.")
        return answer.status, content
    except (OSError, http.client.HTTPException) as error:
        reason = str(error).partition("\n")[0][:120] or type(error).__name__
        raise FeedUnavailable("Signing in failed.", why=f"{parts.hostname} does not answer: {reason}") from None
    finally:
        connection.close()
