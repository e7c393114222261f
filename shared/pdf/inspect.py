"""Is this a PDF that we pass on? Judged by opening it, in a process with limits on time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from shared.contracts.render_jobs import MOST_PDF_BYTES
from shared.errors import RenderFailed
from shared.schemas.base import Schema

CHILD = Path(__file__).parent / "child.py"
#: On a busy machine the clock runs faster than the work.
SECONDS, CPU_SECONDS = 60.0, 20
MEMORY_BYTES = 1024**3
#: Less than this is no report.
LEAST_TEXT = 40


class PdfRefused(RenderFailed):
    """The file is broken, empty, encrypted, active or without text. ``why`` says which."""

    def __init__(self, why: str) -> None:
        super().__init__("The PDF was refused.", why=why)


class PdfFacts(Schema, frozen=True, kw_only=True):
    """What is in a PDF. ``text`` of all pages; ``fonts_missing`` are drawn by luck only; ``links`` lead out of it."""

    pages: int
    text: str
    fonts: list[str]
    fonts_missing: list[str]
    images: int
    links: list[str]


class _Refused(Schema, frozen=True, kw_only=True):
    refused: str


def inspect(path: Path, *, seconds: float = SECONDS) -> PdfFacts:
    """What is in the PDF at ``path``. Raises PdfRefused; the file is never trusted before this returns."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise PdfRefused("There is no file.") from error
    if not size:
        raise PdfRefused("It is empty.")
    if size > MOST_PDF_BYTES:
        raise PdfRefused(f"It is larger than {MOST_PDF_BYTES // 1024**2} MB.")
    if not head.startswith(b"%PDF-"):
        raise PdfRefused("It is no PDF.")
    facts = _opened(path, seconds)
    if len("".join(facts.text.split())) < LEAST_TEXT:
        raise PdfRefused("It holds no text.")
    if not facts.fonts:
        raise PdfRefused("It holds no fonts.")
    if facts.fonts_missing:
        raise PdfRefused(f"The font {facts.fonts_missing[0][:80]} is not in the file.")
    return facts


def _opened(path: Path, seconds: float) -> PdfFacts:
    try:
        ended = subprocess.run(
            # Isolated: neither the environment nor the working folder can put code into it.
            [sys.executable, "-I", str(CHILD), str(path.absolute()), str(MEMORY_BYTES), str(CPU_SECONDS)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise PdfRefused(f"Opening it took over {seconds:g} seconds.") from error
    except OSError as error:
        raise PdfRefused(f"It could not be opened: {error.strerror}.") from error
    if ended.returncode:
        raise PdfRefused("Opening it crashed the reader.")
    try:
        found = msgspec.json.decode(ended.stdout, type=dict[str, msgspec.Raw])
        if "refused" in found:
            raise PdfRefused(msgspec.json.decode(ended.stdout, type=_Refused).refused)
        return msgspec.json.decode(ended.stdout, type=PdfFacts)
    except msgspec.DecodeError as error:
        raise PdfRefused("The reader said nothing that can be understood.") from error
