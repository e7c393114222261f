"""No post can make markup, a link or an image in the Markdown form."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from services.worker.pipelines.compose import compose
from services.worker.pipelines.markdown import escape, markdown
from services.worker.pipelines.plain_text import clean
from shared.contracts.addresses import post_address
from tests.support.topics import RUN, candidate, gathered, uri

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PLAIN = {"inline", "text", "softbreak", "text_special", "paragraph_open", "paragraph_close"}
#: The characters that begin markup, and words that readers turn into links.
SHARP = st.text(alphabet="[]()<>!*_`~#>+-=|\\&;:/.@1 \n\tahtpws\"'${}^", max_size=60)


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    for token in PARSER.parse(text):
        found.append(token)
        found.extend(token.children or [])
    return found


@settings(deadline=None)
@given(st.one_of(SHARP, st.text(max_size=80)))
@example("[click](javascript:alert(1))")
@example("![x](https://evil.example/x.png)")
@example("<img src=x onerror=alert(1)>")
@example("<https://evil.example>")
@example("- item")
@example("1. item")
@example("1) item")
@example("# heading")
@example("    code")
@example("```\ncode")
@example("a\n===")
@example("[a]: https://evil.example")
@example("&lt;b&gt; &#60;")
@example("|a|b|\n|-|-|")
def test_escaped_text_is_plain_text_and_reads_as_written(text: str) -> None:
    line = clean(text)
    found = tokens(escape(line))
    assert {token.type for token in found} <= PLAIN
    shown = "".join(token.content for token in found if token.type in ("text", "text_special"))
    assert shown.replace("\u2060", "") == line


@pytest.mark.parametrize(
    "text", ["see https://evil.example now", "www.evil.example", "me@evil.example", "HTTP://EVIL.example"]
)
def test_bare_addresses_are_broken_for_readers_that_link_them(text: str) -> None:
    shown = escape(text)
    assert "\u2060" in shown
    assert "://" not in shown
    assert "www." not in shown


def test_the_only_links_of_a_report_are_to_the_quoted_posts() -> None:
    # given posts full of markup and links
    hostile = [
        candidate(1, "[win](https://evil.example) ![p](https://evil.example/p.png) harbour bridge"),
        candidate(2, "<script>alert(1)</script> <a href='https://evil.example'>tide</a> https://evil.example"),
        candidate(3, "pontoon", uri="at://did:plc:x/app.bsky.feed.post/../../evil"),
    ]
    # when they are reported
    composed = compose(gathered(posts=hostile, earliest=hostile), RUN)
    found = tokens(markdown(composed.report))
    # then every link is one we built
    links = {token.attrs["href"] for token in found if token.type == "link_open"}
    assert links == {post_address(uri(1)), post_address(uri(2))}
    assert not [
        token for token in found if token.type in ("image", "html_inline", "html_block", "code_inline", "fence")
    ]


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example",
        "at://did:plc:short/app.bsky.feed.post/abc",
        uri(1) + "?x=1",
        uri(1) + "\n",
        uri(1).replace("post/", "post/../"),
        uri(1).replace("app.bsky.feed.post", "app.bsky.feed.like"),
        "at://did:web:evil.example)/app.bsky.feed.post/abc",
    ],
)
def test_an_address_of_another_form_gets_no_link(address: str) -> None:
    assert post_address(address) is None


def test_a_report_is_the_same_bytes_each_time() -> None:
    one, two = (msgspec.json.encode(compose(gathered(), RUN)) for _ in range(2))
    assert one == two
    assert UUID(compose(gathered(), RUN).report.id)
