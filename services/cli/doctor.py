"""``groundswell doctor``: looks at this installation and says what is wrong and what to do."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import msgspec

from services.solo.client import ApiClient, address_of
from services.solo.folder import LEAST_FREE_BYTES, DataFolder
from shared.config.load import load
from shared.config.settings import Settings
from shared.errors import GroundswellError
from shared.schemas.health import Health

_MARKS = {"ok": "ok  ", "off": "off ", "degraded": "WARN", "down": "FAIL"}
#: Clocks further apart than this make times on screen doubtful (the database's clock decides all else).
DRIFT_SECONDS = 2.0


class Finding(msgspec.Struct, frozen=True):
    """``state`` as in health."""

    state: str
    text: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--port", type=int, help="port of the dashboard (GROUNDSWELL_API_PORT)")
    parser.add_argument("--data", help="folder for all data (GROUNDSWELL_DATA_DIR)")


def run(options: argparse.Namespace) -> int:
    """Print a line a finding; exit code 1 when something is down."""
    settings = load("solo", given={"api_port": options.port, "data_dir": options.data})
    findings = [Finding("ok", "The configuration is right."), *_disk(settings), *_platform(settings)]
    for finding in findings:
        print(f"{_MARKS[finding.state]}  {finding.text}")
    return 1 if any(finding.state == "down" for finding in findings) else 0


def _disk(settings: Settings) -> list[Finding]:
    folder = DataFolder(Path(settings.data_dir)).path
    # Not Path.exists: it raises for a folder that is closed to us, which is as good as absent here.
    existing = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110
    free = shutil.disk_usage(existing).free
    text = f"{free / 1e9:.1f} GB are free where the data folder {folder} lies."
    return [Finding("ok", text) if free >= 4 * LEAST_FREE_BYTES else Finding("degraded", f"Only {text}")]


def _platform(settings: Settings) -> list[Finding]:
    try:
        health = ApiClient(settings, timeout_seconds=10).get("/api/v1/health", Health)
    except GroundswellError as error:
        return [Finding("down", f"{error.what} {error.why} {error.do}".strip())]
    findings = [Finding("ok", f"The API answers at {address_of(settings)} (version {health.version}).")]
    for component in health.components:
        more = [part for part in (component.reason, component.effect, component.do) if part]
        findings.append(Finding(component.state, " ".join([f"{component.title}: {component.state}.", *more])))
    drift = health.figures.clock_drift_seconds
    if drift is not None and abs(drift) > DRIFT_SECONDS:
        findings.append(Finding("degraded", f"This machine's clock and the database's differ by {drift:.1f} s."))
    return findings
