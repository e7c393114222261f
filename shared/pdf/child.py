"""Opens a PDF and says what is in it: ``python child.py FILE MEMORY_BYTES CPU_SECONDS``. The only user of pypdf.

It stands alone (no import of ours) and in a process of its own: a file made to exhaust or crash a reader exhausts
and crashes this. Standard output is one JSON object, ``shared.pdf.inspect.PdfFacts``, or ``{"refused": reason}``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import resource
import sys
from typing import Any

#: More objects, pages or text than any report has.
MOST_OBJECTS, MOST_PAGES, MOST_TEXT = 200_000, 500, 2_000_000
#: Actions beside links within the report and to the web. Known by name: ``/S`` also names borders and structure.
ACTIONS = frozenset(
    f"/{name}"
    for name in (
        *("JavaScript", "Launch", "SubmitForm", "ImportData", "ResetForm", "GoToR", "GoToE", "GoTo3DView"),
        *("Rendition", "RichMediaExecute", "Movie", "Sound", "Hide", "SetOCGState", "Thread", "Trans"),
    )
)
#: Keys that make a PDF do something, carry something, or ask its reader for something.
ACTIVE_KEYS = {
    "/JS": "a script",
    "/JavaScript": "a script",
    "/AA": "actions of its own",
    "/Launch": "a program to start",
    "/EmbeddedFiles": "files inside",
    "/EmbeddedFile": "files inside",
    "/EF": "files inside",
    "/RichMedia": "media inside",
    "/XFA": "a form",
    "/AcroForm": "a form",
}
#: Fonts that every reader has.
STANDARD_FONTS = frozenset(
    f"/{family}{face}"
    for family, faces in {
        "Helvetica": ("", "-Bold", "-Oblique", "-BoldOblique"),
        "Courier": ("", "-Bold", "-Oblique", "-BoldOblique"),
        "Times": ("-Roman", "-Bold", "-Italic", "-BoldItalic"),
        "Symbol": ("",),
        "ZapfDingbats": ("",),
    }.items()
    for face in faces
)


class Refused(Exception):
    """The file is no PDF that we pass on; the text says why, in words for people."""


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound what this process may take; the kernel ends it beyond. The parent's time limit holds everywhere."""
    for which, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # some systems do not limit address space
            resource.setrlimit(which, (most, most))


def inspect(path: str) -> dict[str, Any]:
    """What is in the PDF. Raises Refused, and whatever pypdf raises for a file that is broken."""
    import pypdf

    reader = pypdf.PdfReader(path, strict=False)
    if reader.is_encrypted:
        raise Refused("It is encrypted.")
    pages = len(reader.pages)
    if not 1 <= pages <= MOST_PAGES:
        raise Refused(f"It has {pages} pages.")
    links: set[str] = set()
    fonts: dict[str, bool] = {}
    images = _walk(reader, links, fonts)
    texts = []
    length = 0
    for page in reader.pages:
        text = page.extract_text()
        length += len(text)
        if length > MOST_TEXT:
            raise Refused("It holds more text than any report.")
        texts.append(text)
    return {
        "pages": pages,
        "text": "\n".join(texts),
        "fonts": sorted(fonts),
        "fonts_missing": sorted(name for name, inside in fonts.items() if not inside),
        "images": images,
        "links": sorted(links),
    }


def _walk(reader: Any, links: set[str], fonts: dict[str, bool]) -> int:
    """Look at every object that can be reached from the trailer; the number of images."""
    from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

    seen: set[tuple[int, int]] = set()
    waiting: list[Any] = [reader.trailer]
    images = looked = 0
    while waiting:
        item = waiting.pop()
        looked += 1
        if looked > MOST_OBJECTS:
            raise Refused("It holds more objects than any report.")
        if isinstance(item, IndirectObject):
            if (item.idnum, item.generation) in seen:
                continue
            seen.add((item.idnum, item.generation))
            item = item.get_object()
        if isinstance(item, DictionaryObject):
            _judge(item, links)
            images += item.get("/Subtype") == "/Image"
            if item.get("/Type") == "/Font" and "/BaseFont" in item and item.get("/Subtype") != "/Type0":
                name = str(item["/BaseFont"])
                fonts[name.lstrip("/")] = fonts.get(name.lstrip("/"), True) and _inside(item, name)
            waiting += [item.raw_get(key) for key in item]
        elif isinstance(item, ArrayObject):
            waiting += list(item)  # plain items: references inside it are followed above
    return images


def _judge(item: Any, links: set[str]) -> None:
    """Refuse what is active, keep where links lead."""
    for key, what in ACTIVE_KEYS.items():
        if key in item and not (key == "/AcroForm" and not _fields(item[key])):
            raise Refused(f"It holds {what} ({key}).")
    if (action := item.get("/S")) in ACTIONS:
        raise Refused(f"It holds an action ({action}).")
    opening = item.get("/OpenAction")
    if opening is not None and hasattr(opening, "keys") and opening.get("/S") != "/GoTo":
        raise Refused("It does something when it is opened (/OpenAction).")
    if "/URI" in item and "/S" in item:
        links.add(str(item["/URI"]))


def _fields(form: Any) -> bool:
    """Whether a form has fields: some programs write an empty one into every file."""
    form = form.get_object() if hasattr(form, "get_object") else form
    return bool(form.get("/Fields")) if hasattr(form, "get") else True


def _inside(font: Any, name: str) -> bool:
    """Whether a font's shapes are in the file, or in every reader."""
    if font.get("/Subtype") == "/Type3" or name in STANDARD_FONTS:
        return True
    descriptor = font.get("/FontDescriptor") or {}
    return any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))


def main(arguments: list[str]) -> int:
    path, memory_bytes, cpu_seconds = arguments
    logging.disable(logging.CRITICAL)  # pypdf warns of what a strict reader would refuse
    limit(int(memory_bytes), int(cpu_seconds))
    try:
        found = inspect(path)
    except Refused as error:
        found = {"refused": str(error)}
    except MemoryError:
        found = {"refused": "Opening it takes too much memory."}
    except Exception as error:
        found = {"refused": f"It cannot be opened ({type(error).__name__})."}
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
