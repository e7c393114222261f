"""The tool ``run_python`` of agents that ask for it: code in the sandbox, over what earlier calls answered."""

from __future__ import annotations

from typing import Any

import msgspec

from services.worker import metrics
from services.worker.agents.evidence import Evidence
from services.worker.agents.operations import Known
from services.worker.sandbox.box import MOST_CODE, Box

#: Described as an operation is, so that it stands in the ledger like one. It reads what the run has read.
PYTHON = Known(
    name="run_python",
    effect="read",
    idempotent=True,
    taints=True,
    toolset="analysis",
    scope="",
    description=(
        "Run Python 3 with numpy, for what SQL cannot calculate. The answer of call c3 is the file /input/c3.json, as "
        "JSON, and so on for each call that was answered. Printed text comes back; what you write to result.json in "
        "the working folder comes back as `result`, and can be charted: a list of objects, or {columns, rows}. "
        "There is no network, no other file, no subprocess and no thread; 30 seconds, 1 GB."
    ),
    parameters={
        "type": "object",
        "properties": {"code": {"type": "string", "minLength": 1, "maxLength": MOST_CODE}},
        "required": ["code"],
        "additionalProperties": False,
    },
)


def mistake(arguments: dict[str, Any]) -> str:
    """Why these arguments cannot be run, or nothing."""
    code = arguments.get("code")
    if set(arguments) != {"code"} or not isinstance(code, str) or not 1 <= len(code) <= MOST_CODE:
        return f"Give `code` and nothing else, of 1 to {MOST_CODE:,} characters."
    return ""


def run(box: Box, arguments: dict[str, Any], evidence: Evidence) -> bytes:
    """How it ended, as JSON. Raises DependencyError: nothing was run."""
    files = {f"{number}.json": called.text.encode() for number, called in evidence.calls.items()}
    ran = box.run(arguments["code"], files)
    metrics.SANDBOX_RUNS.labels(ran.ended.replace(" ", "_")).inc()
    return msgspec.json.encode(ran)
