"""A PDF is opened before anybody gets it; what is broken, empty, active or without text is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from pypdf.generic import TextStringObject

from services.worker.render.accept import accept
from shared.pdf import inspect as inspecting
from shared.pdf.inspect import PdfRefused, inspect
from tests.support import pdfs


def look(pdf: bytes, folder: Path) -> inspecting.PdfFacts:
    path = folder / "x.pdf"
    path.write_bytes(pdf)
    return inspect(path)


def test_a_good_pdf_is_described(tmp_path: Path) -> None:
    facts = look(pdfs.good(), tmp_path)
    assert facts.pages >= 2
    assert "harbour bridge" in facts.text
    assert any("FiraGO" in font for font in facts.fonts)
    assert (facts.fonts_missing, facts.images) == ([], 0)
    assert facts.links
    assert all(link.startswith("https://bsky.app/profile/did:plc:") for link in facts.links)


def test_opening_at_a_page_is_no_action(tmp_path: Path) -> None:
    assert look(pdfs.opens_at_first_page(), tmp_path).pages


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: b"", "It is empty"),
        (lambda: b"hello", "It is no PDF"),
        (lambda: b"%PDF-1.7\n" + b"\x00" * 500, "cannot be opened"),
        (lambda: pdfs.good()[:20_000], "cannot be opened|holds no text|has 0 pages"),
        (pdfs.blank, "holds no text"),
        (lambda: pdfs.changed(lambda writer: writer.encrypt("x")), "It is encrypted"),
        (pdfs.with_a_script, r"a script \(/Java"),
        (lambda: pdfs.clicks("Launch", F=TextStringObject("calc")), r"\(/Launch\)"),
        (lambda: pdfs.opens_with("URI", URI=TextStringObject("https://evil.example")), r"/OpenAction"),
        (lambda: pdfs.clicks("SubmitForm", F=TextStringObject("https://evil.example")), r"\(/SubmitForm\)"),
        (lambda: pdfs.changed(lambda writer: writer.add_attachment("x.exe", b"MZ")), "files inside"),
        (pdfs.without_fonts_inside, "is not in the file"),
    ],
    ids=["empty", "text", "garbage", "cut", "blank", "encrypted", "js", "launch", "uri", "submit", "file", "fonts"],
)
def test_what_no_reader_should_get_is_refused(make: Callable[[], bytes], why: str, tmp_path: Path) -> None:
    with pytest.raises(PdfRefused) as caught:
        look(make(), tmp_path)
    assert re.search(why, caught.value.why), caught.value.why


def test_a_reader_that_hangs_or_crashes_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child.py"
    monkeypatch.setattr(inspecting, "CHILD", child)
    path = tmp_path / "x.pdf"
    path.write_bytes(b"%PDF-1.7 ...")
    for program, why in (
        ("import time; time.sleep(60)", "took over 0.3 seconds"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed the reader"),
        ("print('nonsense')", "nothing that can be understood"),
    ):
        child.write_text(program)
        with pytest.raises(PdfRefused) as caught:
            inspect(path, seconds=0.3 if "sleep" in program else 20)
        assert why in caught.value.why


def test_only_the_report_that_was_asked_for_is_accepted() -> None:
    assert accept(pdfs.good(), pdfs.report()).pages >= 2


def test_a_link_that_a_program_made_of_a_post_is_refused() -> None:
    with pytest.raises(PdfRefused) as caught:
        accept(pdfs.link_to("https://evil.example/x"), pdfs.report())
    assert caught.value.why == "It links to an address that is not ours: https://evil.example/x"


def test_another_text_is_refused() -> None:
    other = [
        msgspec.structs.replace(section, heading=f"Chapter {number} of another book")
        for number, section in enumerate(pdfs.report().sections)
    ]
    with pytest.raises(PdfRefused) as caught:
        accept(pdfs.good(), msgspec.structs.replace(pdfs.report(), sections=other))
    assert "not the report" in caught.value.why
