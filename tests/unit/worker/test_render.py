"""PDFs come from a process of their own; whatever happens there is a reason here."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pypdf
import pytest

from services.worker.pipelines.chart import draw
from services.worker.pipelines.compose import compose
from services.worker.render.child import replaced, spoken, undrawable
from services.worker.render.document import Document, document
from services.worker.render.renderer import Limits, Renderer
from shared.errors import RenderFailed
from shared.schemas.run import ReportSection
from tests.support.topics import RUN, candidate, gap, gathered

HOSTILE = (
    '#eval("1") #import "x.typ" $x$ `raw` *bold* _it_ @label <label> \\ #read("/etc/passwd")',
    "\u202eoverride \x00\x07 </svg><script> ${jndi} {{template}}",
    "ᚠᛇᚻ runes, 𒀀 cuneiform, 😀🔥 emoji, مرحبا שלום हिन्दी ไทย 日本語 한국어",
    "a" * 5000,
    "[1] [99] [[2]]",
)


def prepared(*texts: str) -> Document:
    posts = [candidate(number, text) for number, text in enumerate(texts)]
    record = gathered(posts=posts, earliest=posts, gaps=[gap(33, 38)])
    return document(compose(record, RUN), draw(record), "https://groundswell.example")


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def test_hostile_posts_are_printed_and_never_run() -> None:
    pdf = Renderer().render(prepared(*HOSTILE))
    text = text_of(pdf)
    assert '#eval("1")' in text
    assert "root:" not in text


def test_characters_without_a_glyph_are_named_and_admitted() -> None:
    text = text_of(Renderer().render(prepared("harbour bridge 𒀀 gone")))
    assert "□" in text
    assert "in no font of the machine" in " ".join(text.split())


def test_only_our_own_links_are_in_the_pdf() -> None:
    pdf = Renderer().render(prepared("harbour bridge https://evil.example [x](https://evil.example)"))
    links = []
    for page in pypdf.PdfReader(io.BytesIO(pdf)).pages:
        for reference in page.get("/Annots") or []:
            action = reference.get_object().get("/A") or {}
            if "/URI" in action:
                links.append(str(action["/URI"]))
    assert links
    assert all(link.startswith("https://bsky.app/profile/did:plc:") for link in links)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV"),
        ("import sys; sys.stderr.write('no\\nbad font\\n'); sys.exit(1)", "The renderer said: bad font"),
        ("import sys; sys.exit(1)", "The renderer said: nothing"),
        ("pass", "left no file"),
        ("import threading; threading.Event().wait()", "took over 1 seconds"),
    ],
)
def test_a_broken_renderer_is_a_reason(program: str, reason: str, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text(program)
    with pytest.raises(RenderFailed, match=reason):
        Renderer(Limits(seconds=1.0 if "took over" in reason else 60.0), child).render(prepared("x"))


def test_a_renderer_that_wants_too_much_memory_is_refused_it() -> None:
    with pytest.raises(RenderFailed):
        Renderer(Limits(memory_bytes=64 * 1024 * 1024)).render(prepared("x"))


def test_undrawable_text_is_read_from_the_diagnostic() -> None:
    said = (
        'error: PDF/A-2u error: the text `"😀"` could not be displayed with font `"X"`\n'
        'error: PDF/A-2u error: the text `"\\u{1f525}"` could not be displayed with font `"X"`'
    )
    assert undrawable(said) == {"😀", "🔥"}
    assert spoken("🔥") == "[fire]"
    assert spoken("ᚠ\u0301") == "□"
    assert replaced({"a": ["x🔥", 1, None]}, {"🔥": "[fire]"}) == {"a": ["x[fire]", 1, None]}


def test_the_document_is_plain_data() -> None:
    decoded = msgspec.json.decode(msgspec.json.encode(prepared("x")))
    assert {"title", "figures", "chart", "sections", "quotes"} <= set(decoded)


def test_a_report_without_figures_and_chart_is_printed_under_its_own_kind() -> None:
    record = gathered(posts=[candidate(0, "the bridge is closed")], earliest=[])
    written = compose(record, RUN)
    report = msgspec.structs.replace(written.report, title="Scout: is the bridge open?")
    plain = document(msgspec.structs.replace(written, report=report, figures=[]), None, "")
    text = text_of(Renderer().render(plain))
    assert text.startswith("S C O U T")  # letters set apart
    assert "is the bridge open?" in text
    assert "Times in UTC" not in text


def test_the_last_line_of_a_section_does_not_stand_alone_on_a_page() -> None:
    base = prepared("x")
    names = ["Scout: one.", "Writer: two.", "Reviewer: three."]
    broken = 0
    for lines in range(15, 19):  # the page ends behind the section, within it, before it
        filler = ReportSection(heading="Filler", paragraphs=[f"Line {number}." for number in range(lines)])
        told = ReportSection(heading="Who worked on it", paragraphs=names)
        pages = pypdf.PdfReader(
            io.BytesIO(Renderer().render(msgspec.structs.replace(base, sections=[filler, told])))
        ).pages
        at = [[number for number, page in enumerate(pages) if name in page.extract_text()] for name in names]
        assert at[-2] == at[-1], lines
        broken += at[0] != at[-1]
    assert broken  # the page did break within it
