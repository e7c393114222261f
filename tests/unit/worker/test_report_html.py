"""A report as one HTML file: complete, escaped, and without anything that loads or runs."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import msgspec

from services.worker.pipelines.chart import draw
from services.worker.pipelines.compose import compose
from services.worker.pipelines.contracts import Chart, Tick
from services.worker.render.chart_svg import picture
from services.worker.render.html import STYLE, html
from tests.support.topics import RUN, TEXTS, candidate, gap, gathered

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)> &lt;b&gt; </style></title></blockquote>',
    "see https://evil.example and [1] [99] javascript:alert(1)",
    "'onmouseover=alert(1) x='",
)
#: Everything the page is made of; nothing here loads or runs.
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "h1", "h2", "p", "a"),
    *("figure", "figcaption", "svg", "defs", "pattern", "path", "rect", "text", "circle", "dl", "div", "dt", "dd"),
    *("small", "ol", "li", "blockquote"),
}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page(*texts: str) -> str:
    posts = [candidate(number, text) for number, text in enumerate(texts)]
    record = gathered(posts=posts, earliest=posts, gaps=[gap(33, 38)])
    return html(compose(record, RUN), draw(record), 'https://groundswell.example/"><x>')


def test_hostile_posts_are_text_and_nothing_else() -> None:
    found = Page(page(*HOSTILE))
    assert {tag for tag, _ in found.tags} <= TAGS
    for tag, attributes in found.tags:
        assert not any(name.startswith("on") or name in ("style", "src", "srcset") for name in attributes), tag
        address = attributes.get("href")
        assert address is None or re.fullmatch(r"#quote-\d+|https://bsky\.app/profile/did:plc:\S+", address)
    for text in HOSTILE[:2]:
        assert " ".join(text.split()) in " ".join(found.text.split())


def test_marks_lead_to_quotes_and_posts_cannot_forge_them() -> None:
    found = Page(page("the harbour bridge [1] [7] is shut", "another word on the harbour bridge"))
    quotes = {attributes["id"] for tag, attributes in found.tags if tag == "li"}
    marks = {attributes["href"] for tag, attributes in found.tags if tag == "a" and attributes["href"][0] == "#"}
    assert quotes == {"quote-1", "quote-2"}
    assert marks <= {f"#{quote}" for quote in quotes}


def test_the_policy_forbids_all_but_its_own_style() -> None:
    text = page(*TEXTS)
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    [style] = re.findall(r"<style>(.*?)</style>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style.replace("url(#hatch)", "")
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style
    assert style == STYLE.read_text()


def test_the_page_holds_the_whole_report_and_its_chart() -> None:
    record = gathered(gaps=[gap(33, 38)])
    composed = compose(record, RUN)
    found = Page(html(composed, draw(record), ""))
    flat = " ".join(found.text.split())
    for section in composed.report.sections:
        assert section.heading in flat
        assert all(" ".join(paragraph.split()) in flat for paragraph in section.paragraphs)
    for citation in composed.report.citations:
        assert citation.text in flat
    classes = [attributes.get("class") for tag, attributes in found.tags if tag in ("path", "rect")]
    assert {"posts", "usual", "gap", "under", "axis"} <= set(classes)


def test_the_chart_alone_is_whole_xml_whatever_its_labels_say() -> None:
    chart = Chart(
        caption='<">&',
        posts=[],
        usual=[],
        gaps=[],
        x_ticks=[],
        y_ticks=[],
        marks=[Tick(at=0.9, label="</text><script>")],
    )
    root = ElementTree.fromstring(picture(chart))  # noqa: S314 - our own text
    assert root.attrib["aria-label"] == '<">&'
    assert not [element for element in root.iter() if element.tag.endswith("script")]


def test_a_report_without_figures_and_chart_has_no_empty_frames() -> None:
    written = compose(gathered(), RUN)
    report = msgspec.structs.replace(written.report, title="Scout: is the bridge open?")
    shown = Page(html(msgspec.structs.replace(written, report=report, figures=[]), None, ""))
    tags = {tag for tag, _ in shown.tags}
    assert not tags & {"dl", "figure", "svg"}
    assert "Scoutis the bridge open?" in shown.text
