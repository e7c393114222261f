"""Make a PDF in a process of its own, with a time and a memory limit. A crash there is a reason here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from services.worker.render.document import Document
from shared.errors import RenderFailed

HERE = Path(__file__).parent


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one render may take. Memory is address space: fonts are mapped, not read."""

    seconds: float = 60.0
    memory_bytes: int = 2 * 1024**3


class Renderer:
    """``program`` is the script the child runs; tests put a broken one there."""

    def __init__(self, limits: Limits | None = None, program: Path = HERE / "child.py") -> None:
        self._limits = limits or Limits()
        self._program = program

    def render(self, document: Document) -> bytes:
        """The PDF. Raises RenderFailed with a reason for people."""
        with tempfile.TemporaryDirectory(prefix="groundswell-render-") as name:
            folder = Path(name)
            shutil.copy(HERE / "briefing.typ", folder)
            (folder / "data.json").write_bytes(msgspec.json.encode(document))
            self._run(folder)
            try:
                return (folder / "out.pdf").read_bytes()
            except OSError as error:
                raise RenderFailed("The PDF could not be made.", why="The renderer left no file.") from error

    def _run(self, folder: Path) -> None:
        limits = self._limits
        numbers = (str(limits.memory_bytes), str(int(limits.seconds) + 1))
        try:
            ended = subprocess.run(
                # Isolated: neither the environment nor the working folder can put code into it.
                [sys.executable, "-I", str(self._program), str(folder), *numbers],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=limits.seconds,
                cwd=folder,
                env={"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8", "RAYON_NUM_THREADS": "1"},
            )
        except subprocess.TimeoutExpired as error:
            raise RenderFailed("The PDF could not be made.", why=f"It took over {limits.seconds:g} seconds.") from error
        except OSError as error:
            raise RenderFailed("The PDF could not be made.", why=str(error.strerror)) from error
        if ended.returncode:
            raise RenderFailed("The PDF could not be made.", why=_reason(ended.returncode, ended.stderr))


def _reason(code: int, stderr: bytes) -> str:
    if code < 0:
        return f"The renderer was ended by {signal.Signals(-code).name}."
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return f"The renderer said: {lines[-1][:400] if lines else 'nothing'}."
