"""Each unit as a process of its own: alive at once, ready when the schema is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from services.solo.folder import free_port
from shared.config.settings import Settings
from shared.store.database import Database
from shared.store.migrate import migrate
from tests.support.engines import Postgres
from tests.support.waiting import until


@pytest.mark.parametrize("unit", ["relay", "api", "worker"])
def test_a_unit_is_alive_at_once_and_ready_with_the_schema(
    unit: str, postgres: Postgres, valkey_url: str, tmp_path: Path
) -> None:
    url, port = postgres.empty(), free_port()
    environment = {
        **os.environ,
        "GROUNDSWELL_POSTGRES_URL": url,
        "GROUNDSWELL_VALKEY_URL": valkey_url,
        "GROUNDSWELL_EMBEDDING_MODEL": "none",
        "GROUNDSWELL_DATA_DIR": str(tmp_path),
        "GROUNDSWELL_API_PORT": "0",
        f"GROUNDSWELL_{unit.upper()}_METRICS_PORT": str(port),
    }
    ready = f"http://127.0.0.1:{port}/health/ready"

    def status(address: str) -> int:
        try:
            return httpx.get(address, trust_env=False).status_code
        except httpx.HTTPError:
            return 0

    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli.main", unit], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        until(lambda: status(ready.replace("ready", "live")) == 200, 30, f"{unit} is alive")
        assert status(ready) == 503
        database = Database(Settings(postgres_url=url), name="test", size=1)
        database.open()
        migrate(database)
        database.close()
        until(lambda: status(ready) == 200, 30, f"{unit} is ready")
    finally:
        process.terminate()
        assert process.wait(30) == 0
