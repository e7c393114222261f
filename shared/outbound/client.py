"""One small request to somebody else's server: bounded in time, size and reach, and never led elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx
import msgspec

from shared.errors import DependencyError
from shared.outbound.reach import Reach

SECONDS = 10.0
BYTES_MOST = 262_144


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes


class Unreachable(DependencyError):
    """Nobody answered, or what answered may not be asked."""


async def ask(
    reach: Reach,
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> Answer:
    """GET ``url``, or POST ``form`` to it. Redirects are answers like others. Raises Unreachable."""
    with reach.to(url) as trip:
        try:
            async with (
                asyncio.timeout(seconds),
                httpx.AsyncClient(timeout=seconds, follow_redirects=False, trust_env=False) as client,
                client.stream("GET" if form is None else "POST", url, data=form, headers=headers) as answer,
            ):
                body = b""
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > BYTES_MOST:
                        raise Unreachable("The answer is too long.", why=f"It has more than {BYTES_MOST} bytes.")
                return Answer(answer.status_code, body)
        except TimeoutError as error:
            raise Unreachable("The server did not answer in time.") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            why = f"{trip.refused} is a private address" if trip.refused else type(error).__name__
            raise Unreachable("The server could not be reached.", why=f"{why}.") from error
