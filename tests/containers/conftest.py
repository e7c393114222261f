"""The stack in containers, from a copy of the checkout. `make container-test` asks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import stack
from tests.support.containers import HOW, Stack

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a new user has it: no .env, no virtual environment, no built dashboard."""
    if not os.environ.get("GROUNDSWELL_TEST_CONTAINERS"):
        pytest.skip("asked for by: make container-test")
    try:
        stack.find_compose()
    except stack.Stop as stop:
        pytest.skip(str(stop))
    folder = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def up(checkout: Path) -> Iterator[Stack]:
    """The whole stack but Qdrant and Grafana, over the simulated feed, as ``make up`` starts it."""
    running = Stack(checkout)
    try:
        running.make("up", *HOW)
        yield running
    finally:
        running.remove()
