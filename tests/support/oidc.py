"""A real identity provider (npm's oidc-provider) on loopback, and a browser that walks through it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "services/frontend/dev/oidc-provider.mjs"
SECRET = "planted client secret"
ANN = {"sub": "sub-ann", "email": "Ann@example.org", "email_verified": True, "name": "Ann"}


class Oidc:
    """The provider. ``set`` changes it: ``account``, ``tamper``, ``rotate``, ``slash``, ``down``."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def set(self, **changes: Any) -> None:
        httpx.post(f"{self.url}/control", json=changes, timeout=10).raise_for_status()

    def back_to(self, api: str) -> None:
        """Let browsers come back to the API at that address, as Ann, with nothing amiss."""
        self.set(
            redirects=[f"{api}/api/v1/sign-in/back"], account=ANN, tamper=None, slash=False, down=False, rotate=True
        )


@contextmanager
def oidc_provider() -> Iterator[Oidc]:
    node = shutil.which("node", path=f"{ROOT / '.venv-node/bin'}{os.pathsep}{os.environ.get('PATH', '')}")
    assert node, "make test installs Node"
    with subprocess.Popen([node, str(SCRIPT)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield Oidc(int(process.stdout.readline()))
        finally:
            process.kill()


class Browser(httpx.Client):
    """Keeps cookies and follows redirects one by one, so that a test can stop in between."""

    def __init__(self, api: str) -> None:
        super().__init__(base_url=api, timeout=20, follow_redirects=False)

    def leave(self, to: str = "") -> httpx.Response:
        """Walk from our page through the provider; the provider's last answer, which sends back to us."""
        answer = self.get("/api/v1/sign-in/leave", params={"to": to} if to else None)
        while "/sign-in/back" not in answer.headers.get("location", ""):
            assert answer.status_code in (302, 303), answer.text
            answer = self.get(answer.headers["location"] if "://" in answer.headers["location"] else _joined(answer))
        return answer

    def sign_in(self, to: str = "") -> httpx.Response:
        """The whole way; our own answer to whoever comes back."""
        return self.get(self.leave(to).headers["location"])


def _joined(answer: httpx.Response) -> str:
    return str(answer.url.join(answer.headers["location"]))
