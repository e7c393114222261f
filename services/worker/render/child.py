"""The renderer's process: ``python child.py FOLDER MEMORY_BYTES CPU_SECONDS``. The only user of typst.

FOLDER holds ``data.json`` and the template; ``out.pdf`` is written there. It stands alone (no import of
ours), so that it starts fast, stays small, and whatever happens in it happens to nobody else.
Exit code 0: ``out.pdf`` is whole. Otherwise the last line of standard error says why.

Fonts: those of the wheels ``pymupdf-fonts`` (FiraGO: Latin, Greek, Cyrillic, Arabic, Hebrew, Thai,
Devanagari) and ``noto-cjk-sans-jp-regular`` when installed, then the system's, then Typst's own. PDF/A
refuses text that no font can draw; such characters are then replaced by their names, and the document says so.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import resource
import sys
import unicodedata
from pathlib import Path
from typing import Any

#: Best first; those not there are skipped. Text no family has falls back to any font that does.
FAMILIES = (
    "FiraGO",
    "Noto Sans",
    "Helvetica Neue",
    "Liberation Sans",
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Hiragino Sans",
    "Noto Color Emoji",
    "Apple Color Emoji",
    "Noto Sans Symbols 2",
    "Noto Sans Symbols2",
    "Libertinus Serif",
    "DejaVu Sans Mono",
)
WHEEL_FACES = ("FiraGO_Regular", "FiraGO_Bold", "FiraGO_Italic", "NotoSansSymbols2_Regular")
#: Replacing one undrawable text may uncover the next.
MOST_ROUNDS = 6
LARGEST_FILE_BYTES = 64 * 1024 * 1024

_UNDRAWABLE = re.compile(r'the text `"(.+?)"` could not be displayed')
_ESCAPED = re.compile(r"\\u\{([0-9a-fA-F]+)\}")


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound what this process may take; the kernel ends it beyond. The parent's time limit holds everywhere."""
    for which, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, LARGEST_FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # some systems do not limit address space
            resource.setrlimit(which, (most, most))


def font_folders(folder: Path) -> list[str]:
    """Folders with fonts from wheels. Faces kept as Python modules are unpacked into ``folder``."""
    found = []
    if importlib.util.find_spec("pymupdf_fonts"):
        folder.mkdir()
        for face in WHEEL_FACES:
            module = importlib.import_module(f"pymupdf_fonts.{face}")
            (folder / f"{face}.ttf").write_bytes(module.fontbuffer)
        found.append(str(folder))
    cjk = importlib.util.find_spec("noto_cjk_sans_jp_regular")
    if cjk and cjk.origin:
        found.append(str(Path(cjk.origin).parent))
    return found


def undrawable(diagnostic: str) -> set[str]:
    """Texts that the PDF/A check found no glyph for."""
    texts = _UNDRAWABLE.findall(diagnostic)
    return {_ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) for text in texts} - {"□"}


def spoken(text: str) -> str:
    """Symbols by name, as in ``[fire]``; letters we cannot draw as a box each."""
    parts = []
    for character in text:
        name = unicodedata.name(character, "")
        if unicodedata.category(character) in ("So", "Sk", "Sm") and name:
            parts.append(f"[{name.lower()}]")
        elif unicodedata.category(character) not in ("Mn", "Me", "Cf"):
            parts.append("□")
    return "".join(parts)


def replaced(value: Any, changes: dict[str, str]) -> Any:
    """``value`` (decoded JSON) with ``changes`` made in every string."""
    if isinstance(value, str):
        for old in sorted(changes, key=len, reverse=True):
            value = value.replace(old, changes[old])
        return value
    if isinstance(value, list):
        return [replaced(item, changes) for item in value]
    if isinstance(value, dict):
        return {key: replaced(item, changes) for key, item in value.items()}
    return value


def render(folder: Path) -> None:
    """Write ``out.pdf``. Raises typst.TypstError."""
    import typst

    fonts = typst.Fonts(font_paths=font_folders(folder / "fonts"))
    there = set(fonts.families())
    inputs = {"families": json.dumps([family for family in FAMILIES if family in there])}
    template = folder / "briefing.typ"
    data = json.loads((folder / "data.json").read_text("utf-8"))
    for _ in range(MOST_ROUNDS):
        compiler = typst.Compiler(template, root=folder, font_paths=fonts, sys_inputs=inputs)
        try:
            compiler.compile(output=folder / "out.pdf", format="pdf", pdf_standards=["a-2u"])
            return
        except typst.TypstError as error:
            lost = undrawable(f"{error.message}\n{error.diagnostic}")
            if not lost:
                break
        data = replaced(data, {text: spoken(text) for text in lost})
        data["replaced"] = True
        (folder / "data.json").write_text(json.dumps(data), "utf-8")
    # Not archival then, but a document: boxes stand where glyphs are missing, and it says so.
    data["replaced"] = True
    (folder / "data.json").write_text(json.dumps(data), "utf-8")
    compiler = typst.Compiler(template, root=folder, font_paths=fonts, sys_inputs=inputs)
    compiler.compile(output=folder / "out.pdf", format="pdf")


def main(arguments: list[str]) -> int:
    folder, memory_bytes, cpu_seconds = arguments
    limit(int(memory_bytes), int(cpu_seconds))
    try:
        render(Path(folder))
    except Exception as error:
        reason = getattr(error, "message", None) or str(error) or type(error).__name__
        sys.stderr.write(f"{' '.join(str(reason).split())[:400]}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
