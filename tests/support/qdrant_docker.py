"""The real Qdrant in a container, where a Docker engine is there and can pull the image."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

IMAGE = "qdrant/qdrant:v1.16.3"
KEY = "k3y"
_ENGINE_SECONDS, _PULL_SECONDS, _START_SECONDS = 10, 300, 60


def absent() -> str | None:
    """Why there is no such server to be had, if so."""
    try:
        asked = _docker("info", "--format", "{{.ServerVersion}}", seconds=_ENGINE_SECONDS)
        if asked.returncode:
            return f"no Docker engine: {asked.stderr.strip().splitlines()[-1]}"
        pulled = _docker("pull", "--quiet", IMAGE, seconds=_PULL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no Docker engine: {error}"
    return f"{IMAGE} cannot be pulled: {pulled.stderr.strip()}" if pulled.returncode else None


@contextmanager
def container() -> Iterator[str]:
    """One, fresh; its address. It asks for ``KEY``."""
    name = f"groundswell-test-{uuid.uuid4().hex[:8]}"
    _checked(
        "run", "-d", "--rm", "--name", name, "-e", f"QDRANT__SERVICE__API_KEY={KEY}", "-p", "127.0.0.1::6333", IMAGE
    )
    try:
        url = f"http://{_checked('port', name, '6333/tcp').split()[0]}"
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(url):
            if time.monotonic() > deadline:
                raise RuntimeError(_checked("logs", "--tail", "20", name))
            time.sleep(0.2)
        yield url
    finally:
        _docker("rm", "-f", name, seconds=_START_SECONDS)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).is_success
    except httpx.HTTPError:
        return False


def _checked(*words: str) -> str:
    done = _docker(*words, seconds=_START_SECONDS)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def _docker(*words: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=seconds, check=False)
