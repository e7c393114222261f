"""PDFs for tests: a good one by the built-in renderer, and others that no reader should be given."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pypdf
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

from services.worker.pipelines.chart import draw
from services.worker.pipelines.compose import compose
from services.worker.render.document import Document, document
from services.worker.render.renderer import Renderer
from tests.support.topics import RUN, candidate, gap, gathered


@lru_cache
def report() -> Document:
    """A report that takes little to print and to open."""
    posts = [candidate(0, "the harbour bridge is shut")]
    record = gathered(posts=posts, earliest=posts, gaps=[gap(33, 38)])
    return document(compose(record, RUN), draw(record), "https://groundswell.example")


@lru_cache
def good() -> bytes:
    """Its PDF."""
    return Renderer().render(report())


def changed(change: Callable[[pypdf.PdfWriter], object]) -> bytes:
    """The good PDF after ``change``."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(good()))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def blank() -> bytes:
    """A page with nothing on it."""
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def link_to(url: str) -> bytes:
    """The good PDF with a link more."""

    return clicks("URI", URI=TextStringObject(url))


def clicks(action: str, **more: Any) -> bytes:
    """The good PDF with a place that does something when it is clicked."""
    does = _dictionary({"/S": NameObject(f"/{action}"), **{f"/{name}": value for name, value in more.items()}})

    def add(writer: pypdf.PdfWriter) -> None:
        annotation = _dictionary({"/Type": NameObject("/Annot"), "/Subtype": NameObject("/Link"), "/A": does})
        writer.pages[0][NameObject("/Annots")].append(writer._add_object(annotation))

    return changed(add)


def opens_with(action: str, **more: Any) -> bytes:
    """The good PDF that does something when it is opened; ``GoTo`` only shows its first page."""

    def add(writer: pypdf.PdfWriter) -> None:
        fields = {f"/{name}": value for name, value in more.items()}
        writer._root_object[NameObject("/OpenAction")] = _dictionary({"/S": NameObject(f"/{action}"), **fields})

    return changed(add)


def opens_at_first_page() -> bytes:
    """As LibreOffice writes it: no action, a place."""

    def add(writer: pypdf.PdfWriter) -> None:
        place = ArrayObject([writer.pages[0].indirect_reference, NameObject("/Fit")])
        writer._root_object[NameObject("/OpenAction")] = place

    return changed(add)


def with_a_script() -> bytes:
    """The good PDF with a script that readers run by themselves."""

    def add(writer: pypdf.PdfWriter) -> None:
        script = _dictionary({"/S": NameObject("/JavaScript"), "/JS": TextStringObject("app.alert(1)")})
        names = _dictionary({"/Names": ArrayObject([TextStringObject("x"), writer._add_object(script)])})
        writer._root_object[NameObject("/Names")] = _dictionary({"/JavaScript": names})

    return changed(add)


def without_fonts_inside() -> bytes:
    """The good PDF without the shapes of its letters."""

    def strip(writer: pypdf.PdfWriter) -> None:
        for item in writer._objects:
            if isinstance(item, DictionaryObject):
                for key in ("/FontFile2", "/FontFile3"):
                    item.pop(NameObject(key), None)

    return changed(strip)


def _dictionary(fields: dict[str, Any]) -> DictionaryObject:
    return DictionaryObject({NameObject(name): value for name, value in fields.items()})
