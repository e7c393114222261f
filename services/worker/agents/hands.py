"""An agent's hands: it calls operations over the API's HTTP, with its run's own token and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import msgspec

from shared.config.settings import Settings
from shared.errors import DependencyError, Unauthorised
from shared.schemas.problem import Problem
from shared.telemetry import logs

CALL_SECONDS = 60.0
#: Pauses before the API is asked again where it does not answer.
PAUSES = (0.2, 1.0, 3.0)
#: Longest answer that is kept.
MOST_BYTES = 1_000_000


class Answered(msgspec.Struct, frozen=True):
    """The API's answer: ``body`` of a good one, ``problem`` of a refusal."""

    body: bytes = b""
    problem: Problem | None = None


class Hands:
    """``close`` when done. The operator's own token is not sent: what an agent may do is what its own says."""

    def __init__(self, address: str, secret: str, sleep: Callable[[float], None] = time.sleep) -> None:
        # An address on an internal network is another name than the API answers to.
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json", "Host": "localhost"}
        self._client = httpx.Client(
            base_url=address, headers=headers, timeout=CALL_SECONDS, trust_env=False, follow_redirects=False
        )
        self._sleep = sleep

    def call(self, operation: str, arguments: dict[str, Any], key: str) -> Answered:
        """Call it. A second try with the same ``key`` is the same call.

        Raises DependencyError when the API does not answer, Unauthorised when the token is no longer good.
        """
        path, body = f"/api/v1/operations/{operation}", msgspec.json.encode(arguments)
        why = ""
        for pause in (*PAUSES, None):
            try:
                answer = self._client.post(path, content=body, headers={"Idempotency-Key": key} | _followed())
            except httpx.HTTPError as error:
                why = f"{type(error).__name__}: {error}"
            else:
                if answer.status_code < 300:
                    return _good(answer.content)
                if answer.status_code == 401:
                    raise Unauthorised(
                        "The run's token is no longer valid.", why="It was revoked, or another worker has it."
                    )
                if answer.status_code < 500:
                    return Answered(problem=_problem(answer))
                why = _problem(answer).what
            if pause is not None:
                self._sleep(pause)
        raise DependencyError("The API did not answer an agent.", why=why)

    def close(self) -> None:
        """Give connections back."""
        self._client.close()


def _followed() -> dict[str, str]:
    """The API's log lines, and the runs that the call begins, are found by the same id."""
    request = logs.request_id()
    return {"X-Request-ID": request} if request else {}


def _good(body: bytes) -> Answered:
    if len(body) > MOST_BYTES:
        what = f"The answer is too long: {len(body):,} bytes."
        return Answered(problem=Problem(status=400, what=what, do="Ask for less, with `limit` or a narrower filter."))
    return Answered(body=body)


def _problem(answer: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(answer.content, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Problem(status=answer.status_code, what=f"The API answered with status {answer.status_code}.")


def address_of(settings: Settings) -> str:
    """Where workers reach the API."""
    return settings.agents_api_url or f"http://127.0.0.1:{settings.api_port}"
