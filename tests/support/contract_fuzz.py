"""Try to break the API by its own description: ``make contract-fuzz`` (schemathesis over the OpenAPI document).

A real API over a scratch PostgreSQL and Valkey with a few rows in them. Every answer has to be one that the document
describes; none may be a 5xx; what does not fit the document has to be refused.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from services.solo.folder import free_port
from shared.config.settings import Settings
from shared.store.database import Database
from tests.support import records
from tests.support.engines import postgres_server, valkey_server
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a token for the fuzzer alone"
#: A call that fits the document may still be refused: its row is not there, or not in that state.
LEFT_OUT = "positive_data_acceptance"
CONFIG = Path(__file__).with_name("schemathesis.toml")


def main() -> int:
    """The fuzzer's exit code: 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=60, help="calls made up for each operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    options, more = parser.parse_known_args()
    with (
        postgres_server() as server,
        valkey_server() as valkey,
        server.fresh() as url,
        tempfile.TemporaryDirectory() as data,
    ):
        _fill(url)
        port = free_port()
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GROUNDSWELL_")},
            "GROUNDSWELL_POSTGRES_URL": url,
            "GROUNDSWELL_VALKEY_URL": valkey,
            "GROUNDSWELL_EMBEDDING_MODEL": "none",
            "GROUNDSWELL_DATA_DIR": data,
            "GROUNDSWELL_API_PORT": str(port),
            "GROUNDSWELL_API_TOKEN": TOKEN,
            "GROUNDSWELL_API_REQUESTS_PER_MINUTE": "0",
            "GROUNDSWELL_LOG_LEVEL": "error",
        }
        with subprocess.Popen([sys.executable, "-m", "services.cli.main", "api"], env=environment, cwd=ROOT) as api:
            try:
                address = f"http://127.0.0.1:{port}"
                until(lambda: _ready(address), 60, "the API is ready")
                return _fuzz(address, options, more)
            finally:
                api.terminate()


def _fuzz(address: str, options: argparse.Namespace, more: list[str]) -> int:
    """With the exit code of schemathesis, whose report goes to the terminal."""
    command = [
        Path(sys.executable).with_name("schemathesis"),
        "--config-file",
        CONFIG,
        "run",
        "services/frontend/openapi.json",
        "--url",
        address,
    ]
    command += ["-H", f"Authorization: Bearer {TOKEN}", "--seed", str(options.seed), "-n", str(options.cases)]
    command += [
        "--phases",
        options.phases,
        "--checks",
        "all",
        "--exclude-checks",
        LEFT_OUT,
        "--generation-database",
        "none",
    ]
    return subprocess.run([*command, *more], cwd=ROOT, check=False).returncode


def _fill(url: str) -> None:
    """Something to find."""
    database = Database(Settings(postgres_url=url), name="fuzz", size=1)
    database.open()
    records.put_feed(database)
    for number in range(5):
        records.put_post(database, f"post {number}", text="A bridge over the river is closed.")
    database.close()


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health/ready", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    sys.exit(main())
