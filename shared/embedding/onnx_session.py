"""A model on onnxruntime: on the CPU, or in half precision on a CUDA device. The only home of onnxruntime.

onnxruntime raises nothing when CUDA's libraries are missing: it writes a line to standard error and runs
on the CPU. So what it says it uses is looked at, before and after.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import numpy as np

from shared.embedding.batching import Ids
from shared.embedding.model_files import Form, files_of
from shared.embedding.models import Model
from shared.embedding.session import refusal
from shared.embedding.weights import Weights
from shared.errors import EmbedderAbsent, EmbedderUnavailable
from shared.schemas.vector import Vectors

FILE = "model.onnx"
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_NAME = "onnxruntime"
#: NVIDIA's driver, which every CUDA program needs, by platform.
_DRIVERS = ("libcuda.so.1", "nvcuda.dll")
#: Only what ends a run is written to standard error; what matters of the rest is asked for and checked.
_ERRORS_ONLY = 3


class OnnxSession:
    """One session on ``threads`` CPU threads, or on the first CUDA device. Not thread-safe.

    ``half`` overrides that CUDA alone gets the form in half precision, for measurements.
    Raises EmbedderAbsent when what it needs is not installed or not in this machine, else EmbedderUnavailable.
    """

    def __init__(
        self, model: Model, weights: Weights, cache_dir: Path, *, threads: int, cuda: bool, half: bool | None = None
    ) -> None:
        if cuda:
            check_cuda()
        runtime = _import()
        if cuda and _CUDA not in runtime.get_available_providers():
            raise EmbedderAbsent(
                "onnxruntime has no CUDA here.",
                why=f"It offers {', '.join(runtime.get_available_providers())}.",
                do="Install onnxruntime-gpu in place of onnxruntime.",
            )
        if cuda and hasattr(runtime, "preload_dlls"):
            runtime.preload_dlls()  # CUDA and cuDNN that were installed as wheels lie where no linker looks
        half = cuda if half is None else half
        self.precision = "f16" if half else "f32"
        try:
            path = onnx_files(model, weights, cache_dir, half=half) / FILE
            self._session = runtime.InferenceSession(
                str(path), _options(runtime, threads), providers=[_CUDA] if cuda else [_CPU]
            )
        except Exception as error:  # onnxruntime's errors have no common base of their own
            if isinstance(error, EmbedderUnavailable):
                raise
            raise refusal(_NAME, "load", error) from error
        used = self._session.get_providers()
        if cuda and _CUDA not in used:
            raise EmbedderUnavailable(
                "onnxruntime fell back to the CPU without a word.",
                why=f"CUDA was asked for, and it uses {', '.join(used)}: CUDA's libraries or cuDNN are missing.",
                do="Install CUDA and cuDNN in the versions that onnxruntime-gpu names.",
            )

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        inputs = {"input_ids": ids.astype(np.int64), "attention_mask": mask.astype(np.int64)}
        try:
            return cast(Vectors, self._session.run(["vectors"], inputs)[0])
        except Exception as error:
            raise refusal(_NAME, "run", error) from error


def check_cuda(load: Callable[[str], object] = ctypes.CDLL) -> None:
    """Raises EmbedderAbsent, without loading anything large, where CUDA cannot be."""
    for name in _DRIVERS:
        try:
            load(name)
        except OSError:
            continue
        break
    else:
        raise EmbedderAbsent("There is no CUDA here.", why="NVIDIA's driver is not installed.")
    try:
        version("onnxruntime-gpu")
    except PackageNotFoundError:
        raise EmbedderAbsent(
            "onnxruntime has no CUDA here.",
            why="The package onnxruntime-gpu is not installed.",
            do="Install it in place of onnxruntime; never both.",
        ) from None


def onnx_files(model: Model, weights: Weights, cache_dir: Path, *, half: bool) -> Path:
    """The folder with the model's ONNX form, built if there is none. Raises OSError, EmbedderAbsent."""
    try:
        from shared.embedding.onnx_graph import write_onnx
    except ImportError as error:
        raise EmbedderAbsent("The ONNX form cannot be made.", why="The package onnx is not installed.") from error
    form = Form(
        f"{model.files}-onnx-{'half' if half else 'single'}",
        (version("onnx"), model.package_version()),
        lambda folder: write_onnx(weights, folder / FILE, half=half),
    )
    return files_of(form, cache_dir)


def _import() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise EmbedderAbsent("onnxruntime cannot be loaded.", why=str(error)) from error
    return onnxruntime


def _options(runtime: Any, threads: int) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Threads that spin while they wait take the processor from the other services.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Plans memory for one shape of batch; ours differ.
    options.enable_mem_pattern = False
    return options
