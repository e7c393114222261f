"""``make mcp-conformance``: the protocol's own conformance tests, against a real API.

They come from npm when they are run, so this is no part of ``make test``. Most of their scenarios want a server made
for them, with tools and prompts of given names; those that hold for every server are run.
"""

from __future__ import annotations

import subprocess
import sys

from shared.config.settings import Settings
from shared.telemetry import logs
from tests.support.api import served
from tests.support.engines import postgres_server, valkey_server
from tests.support.waiting import eventually

PACKAGES = ("node@24", "@modelcontextprotocol/conformance@0.1.16")
SCENARIOS = ("server-initialize", "ping", "tools-list", "tools-call-error", "dns-rebinding-protection")


def main() -> int:
    """Run every scenario; 0 if all pass."""
    logs.configure("api", level="error", form="text")
    with postgres_server() as postgres, valkey_server() as valkey, postgres.fresh() as url:
        settings = Settings(postgres_url=url, valkey_url=valkey, api_port=0)
        failed = _failing(settings)
    sys.stdout.write(f"{len(SCENARIOS) - len(failed)} of {len(SCENARIOS)} scenarios pass. {' '.join(failed)}\n")
    return 1 if failed else 0


def _failing(settings: Settings) -> list[str]:
    with served(settings) as api:
        eventually(lambda: api.http.get("/health/ready").status_code == 200)
        return [scenario for scenario in SCENARIOS if not _passes(f"{api.url}/mcp", scenario)]


def _passes(url: str, scenario: str) -> bool:
    packages = [part for package in PACKAGES for part in ("-p", package)]
    command = ["npx", "-y", *packages, "--", "conformance", "server", "--url", url, "--scenario", scenario]
    return subprocess.run(command, check=False, timeout=300).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
