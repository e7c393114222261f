"""Importing a module does nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_IMPORT_ALL = """
import importlib, pkgutil, socket, sys, threading, os

def refuse(*_args, **_kwargs):
    raise AssertionError("a module opened a socket while it was imported")

socket.socket.connect = refuse
socket.socket.bind = refuse
real = os.environ
class Watched(dict):
    def _check(self, key):
        if str(key).startswith("GROUNDSWELL_"):
            raise AssertionError(f"a module read {key} while it was imported")
    def __getitem__(self, key):
        self._check(key); return super().__getitem__(key)
    def get(self, key, default=None):
        self._check(key); return super().get(key, default)
before = threading.active_count()
count = 0
import shared, services
os.environ = Watched(real)
for package in (shared, services):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
        count += 1
assert threading.active_count() == before, threading.enumerate()
print(count)
"""


def test_importing_any_module_opens_nothing_reads_nothing_and_starts_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 60


_LIGHT = """
import sys
from pathlib import Path
import services.cli.main, services.relay.entry, shared.vectors.make
from shared.config.settings import Settings
from shared.embedding.chain import load_embedder

load_embedder(Settings(embedding_model="none"), Path("unused"))
heavy = ("openvino", "qdrant_client", "litestar", "dramatiq", "typst", "services.api", "services.worker")
print(sorted(name for name in heavy if name in sys.modules))
"""


_NODE = """
import sys
import services.cli.units, services.render_node.entry

heavy = ("psycopg", "redis", "dramatiq", "litestar", "httpx", "numpy", "typst", "icu4py", "openvino", "services.worker")
print(sorted(name for name in heavy if name in sys.modules))
"""


def test_a_render_node_loads_nothing_that_it_does_not_use() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NODE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr[-2000:]


def test_a_relay_without_meaning_loads_nothing_that_it_does_not_use() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIGHT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr[-2000:]


_NO_SDKS = """
import sys

for name in ("anthropic", "litellm", "openai", "tiktoken", "mcp"):
    sys.modules[name] = None  # as if it were not installed
import services.api.entry, services.relay.entry, services.worker.entry
import services.worker.llm.open
from services.worker.llm.open import tiers_of
from shared.config.settings import Settings

assert tiers_of(Settings()).models == ()
found = tiers_of(Settings(llm_ollama_url="http://127.0.0.1:11434", llm_anthropic_api_key="k"))
print([model.name for model in found.models], "make llm" in found.left_out["anthropic/claude-haiku-5-5"])
"""


def test_every_unit_starts_without_the_sdks_of_language_models_and_says_what_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NO_SDKS], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "['ollama/qwen3:8b'] True", done.stdout + done.stderr[-2000:]


_OFFLINE = """
import socket

def refuse(*_args, **_kwargs):
    raise AssertionError("an SDK asked the network while it was imported")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
import asyncio
from services.worker.llm.providers.claude import ClaudeProvider
from services.worker.llm.providers.through_litellm import LitellmProvider

async def main():
    for provider in (ClaudeProvider("http://127.0.0.1:9", "k"), LitellmProvider("http://127.0.0.1:9", "k")):
        await provider.ready()
        await provider.close()

asyncio.run(main())
print("quiet")
"""


def test_loading_the_sdks_of_language_models_asks_nobody() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _OFFLINE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip().endswith("quiet"), done.stdout + done.stderr[-2000:]
