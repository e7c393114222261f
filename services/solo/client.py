"""The API as any program on this machine sees it."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import TypeVar

import msgspec

from services.solo.owner import token_of_running
from shared.config.settings import Settings
from shared.errors import DependencyError, InputError
from shared.schemas.problem import Problem

T = TypeVar("T")
#: Past any proxy of the environment: it is our own address, and the request carries our token.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def address_of(settings: Settings) -> str:
    """Where the API of these settings is reached from this machine."""
    host = settings.api_host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.api_port}"


class ApiClient:
    """Typed requests; errors become ours. ``timeout_seconds`` bounds each request; ``door`` is for the audit log."""

    def __init__(self, settings: Settings, timeout_seconds: float = 30.0, *, door: str = "") -> None:
        self._address, self._timeout = address_of(settings), timeout_seconds
        self._folder = None if settings.api_token else Path(settings.data_dir)
        self._headers = {"Content-Type": "application/json"}
        if door:
            self._headers["X-Groundswell-Door"] = door
        if settings.api_token:
            self._headers["Authorization"] = f"Bearer {settings.api_token}"

    def get(self, path: str, kind: type[T]) -> T:
        """GET and decode."""
        return self._decoded(self.raw(path), kind)

    def post(self, path: str, body: object, kind: type[T]) -> T:
        """POST JSON and decode."""
        return self._decoded(self.raw(path, _encoded(body)), kind)

    def send(self, method: str, path: str, body: object | None, kind: type[T]) -> T:
        """Any other method; ``None`` sends no body."""
        return self._decoded(self.raw(path, None if body is None else _encoded(body), method), kind)

    def raw(self, path: str, body: bytes | None = None, method: str | None = None) -> bytes:
        """The body of a 2xx answer.

        Raises InputError when the API refused the request, DependencyError when it did not answer
        or is not able to now.
        """
        request = urllib.request.Request(self._address + path, data=body, headers=self._headers, method=method)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=self._timeout) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 401 and self._find_token():
                return self.raw(path, body, method)
            raise _as_ours(path, error) from error
        except http.client.HTTPException as error:
            raise self._stranger(f"It does not speak HTTP: {type(error).__name__}.") from error
        except OSError as error:
            raise DependencyError(
                f"The API at {self._address} did not answer.",
                why=str(error),
                do="Is it running? Start it with: make run",
            ) from error

    def _find_token(self) -> bool:
        """Take the token of the data folder, once, when one is asked for and none is set. Whether there is one."""
        folder, self._folder = self._folder, None
        token = token_of_running(folder) if folder else None
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        return token is not None

    def _decoded(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._stranger("Its answer is not one of ours.") from error

    def _stranger(self, why: str) -> DependencyError:
        return DependencyError(
            f"What listens at {self._address} is not Groundswell, or another version of it.",
            why=why,
            do="Give the port it was started with: --port, or GROUNDSWELL_API_PORT.",
        )


def _encoded(body: object) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:  # an argument of bytes that are no text reaches us as half of a pair
        raise InputError("A text is not UTF-8.", why=error.reason + ".") from error


def _as_ours(path: str, error: urllib.error.HTTPError) -> DependencyError | InputError:
    try:
        problem = msgspec.json.decode(error.read(), type=Problem)
    except msgspec.MsgspecError:
        problem = Problem(status=error.code, what=f"{path} answered {error.code}.")
    kind = InputError if 400 <= error.code < 500 else DependencyError
    return kind(problem.what, why=problem.why, do=problem.do)
