"""The compiled model: token ids in, vectors out. The only place that runs OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, cast

from shared.embedding.batching import Ids
from shared.embedding.model_files import load_graph
from shared.embedding.runtime import ov
from shared.embedding.weights import Weights
from shared.errors import EmbedderUnavailable
from shared.schemas.vector import Vectors

#: Bounds what OpenVINO remembers of shapes it has met.
_REMEMBERED_STEPS = 64


class Session(Protocol):
    """Runs one batch."""

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        """Vectors, float32, (batch, width). Raises EmbedderUnavailable."""
        ...


class OpenVinoSession:
    """One stream on ``threads`` CPU threads. Not thread-safe.

    ``compact`` spends 100 MB less memory and is slower in batches where the CPU has bfloat16.
    """

    def __init__(self, weights: Weights, cache_dir: Path, *, threads: int, compact: bool) -> None:
        core = ov.Core()
        try:
            model = load_graph(core, weights, cache_dir, compact=compact or not _has_bfloat16(core))
            compiled = core.compile_model(model, "CPU", _options(core, threads))
            self.precision = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
            self._request = compiled.create_infer_request()
        except RuntimeError as error:
            raise EmbedderUnavailable("OpenVINO could not load the model.", why=_last_line(error)) from error

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        try:
            return cast(Vectors, self._request.infer({"ids": ids, "mask": mask})[0].copy())
        except RuntimeError as error:
            raise EmbedderUnavailable("OpenVINO could not run the model.", why=_last_line(error)) from error


def _options(core: ov.Core, threads: int) -> dict[str, Any]:
    options = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # Two processes that each pin their thread would pin it to the same core.
        "ENABLE_CPU_PINNING": False,
        # Each shape of batch leaves 0.75 MB of prepared steps behind; the default keeps 5,000 of them.
        "CPU_RUNTIME_CACHE_CAPACITY": _REMEMBERED_STEPS,
    }
    if _has_bfloat16(core):
        options["INFERENCE_PRECISION_HINT"] = "bf16"
    return options


def _has_bfloat16(core: ov.Core) -> bool:
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
