"""Is this the PDF of this report, and one that we show to people?"""

from __future__ import annotations

import tempfile
import unicodedata
from pathlib import Path
from urllib.parse import unquote

from services.worker.render.document import Document
from shared.pdf.inspect import PdfFacts, PdfRefused, inspect


def accept(pdf: bytes, document: Document) -> PdfFacts:
    """What is in it. Raises PdfRefused: for what ``inspect`` refuses, another text, or a link that is not ours.

    Publishing programs turn addresses in texts into links by themselves; those in posts must not become any.
    """
    with tempfile.TemporaryDirectory(prefix="groundswell-pdf-") as folder:
        path = Path(folder) / "report.pdf"
        path.write_bytes(pdf)
        facts = inspect(path)
    text = _folded(facts.text)
    headings = [folded for section in document.sections if (folded := _folded(section.heading))]
    if 2 * sum(heading in text for heading in headings) < len(headings):
        raise PdfRefused("It is not the report that was asked for: most of its headings are missing.")
    ours = {_plain(url) for url in (document.address, *(quote.url or "" for quote in document.quotes))}
    for link in facts.links:
        if _plain(link) not in ours:
            raise PdfRefused(f"It links to an address that is not ours: {link[:120]}")
    return facts


def _folded(text: str) -> str:
    """Letters and digits alone, whatever a layout does to case, spaces and ligatures."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def _plain(url: str) -> str:
    return unquote(url).rstrip("/")
