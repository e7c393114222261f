"""Nothing is reported to anybody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]


def test_loading_the_model_runtime_starts_no_telemetry() -> None:
    code = (
        "import sys, threading; import shared.embedding.openvino_session; "
        "assert sys.modules['openvino_telemetry'] is None; "
        "assert threading.active_count() == 1, threading.enumerate()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
