"""OpenVINO, without the telemetry that importing it starts.

Its package reports usage to its vendor's analytics, from a thread of its own, unless the reporting package
cannot be imported: then it takes an empty stand-in. Nobody who runs Groundswell agreed to that.
"""

from __future__ import annotations

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # makes importing it fail

import openvino as ov  # noqa: E402 - only after the line above
from openvino import opset15 as op  # noqa: E402 - only after the line above

__all__ = ["op", "ov"]
