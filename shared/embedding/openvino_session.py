"""A model on OpenVINO: token ids in, vectors out. The only place that runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from shared.embedding.batching import Ids
from shared.embedding.graph import build_graph
from shared.embedding.model_files import Form, files_of
from shared.embedding.models import Model
from shared.embedding.runtime import ov
from shared.embedding.session import refusal
from shared.embedding.weights import Weights
from shared.schemas.vector import Vectors
from shared.telemetry import logs

#: Bounds what OpenVINO remembers of shapes it has met.
_REMEMBERED_STEPS = 64
_NAME = "OpenVINO"


class OpenVinoSession:
    """One stream on ``threads`` CPU threads. Not thread-safe.

    ``compact`` spends 100 MB less memory and is slower in batches where the CPU has bfloat16.
    ``precision`` overrides what suits the processor ("f32"), for measurements. Raises EmbedderUnavailable.
    """

    def __init__(
        self, model: Model, weights: Weights, cache_dir: Path, *, threads: int, compact: bool, precision: str = ""
    ) -> None:
        try:
            core = ov.Core()
            graph = load_graph(core, model, weights, cache_dir, compact=compact or not _has_bfloat16(core))
            compiled = core.compile_model(graph, "CPU", _options(core, threads, precision))
            self.precision = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
            self._request = compiled.create_infer_request()
        except (RuntimeError, MemoryError) as error:
            raise refusal(_NAME, "load", error) from error

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        try:
            return cast(Vectors, self._request.infer({"ids": ids, "mask": mask})[0].copy())
        except (RuntimeError, MemoryError) as error:
            raise refusal(_NAME, "run", error) from error


def load_graph(core: ov.Core, model: Model, weights: Weights, cache_dir: Path, *, compact: bool) -> ov.Model:
    """The graph of ``weights``, from ``cache_dir`` if a sound copy lies there, else built and put there.

    Without a usable folder (read-only, full) the graph is built in memory, which costs more of it.
    """

    def write(folder: Path) -> None:
        try:
            # The constants are float16 and 4-bit already, as the graph chose them.
            ov.save_model(build_graph(weights, compact=compact), folder / "model.xml", compress_to_fp16=False)
        except RuntimeError as error:  # OpenVINO's word for a full disk
            raise OSError(str(error)) from error

    form = Form(f"{model.files}-{'compact' if compact else 'fast'}", (ov.__version__, model.package_version()), write)
    try:
        return core.read_model(files_of(form, cache_dir) / "model.xml")
    except OSError as error:
        logs.get(__name__).warning("embedding_cache_unusable", folder=str(cache_dir), reason=str(error))
        return build_graph(weights, compact=compact)


def _options(core: ov.Core, threads: int, precision: str) -> dict[str, Any]:
    options = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # Two processes that each pin their thread would pin it to the same core.
        "ENABLE_CPU_PINNING": False,
        # Each shape of batch leaves 0.75 MB of prepared steps behind; the default keeps 5,000 of them.
        "CPU_RUNTIME_CACHE_CAPACITY": _REMEMBERED_STEPS,
    }
    if precision or _has_bfloat16(core):
        options["INFERENCE_PRECISION_HINT"] = precision or "bf16"
    return options


def _has_bfloat16(core: ov.Core) -> bool:
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
