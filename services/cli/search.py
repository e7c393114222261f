"""``groundswell search WORDS``: search the stored posts of the platform that runs on this machine."""

from __future__ import annotations

import argparse
import urllib.parse

import msgspec

from services.cli.reach import add_json, add_port
from services.cli.words import counted, plain
from services.solo.client import ApiClient
from shared.config.load import load
from shared.schemas.search import SearchHit, SearchResult


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("words", nargs="*", help='what to look for, in any language; "quotes", OR, -word, #tag')
    parser.add_argument("--like", metavar="POST", help="posts like this one, by its id")
    parser.add_argument("--feed", help="only posts of this feed")
    parser.add_argument("--language", help="only posts in this language, for example pt")
    parser.add_argument("--author", help="only posts by this account, by its id")
    parser.add_argument("--topic", help="only posts of this topic, by its id")
    parser.add_argument("--linked", action="store_true", help="only posts with a link")
    parser.add_argument("--since", metavar="TIME", help="not before, for example 2026-05-01T12:00:00Z")
    parser.add_argument("--until", metavar="TIME", help="before")
    parser.add_argument("--newest", action="store_true", help="newest first instead of best first")
    parser.add_argument("--limit", type=int, default=10, help="most hits shown (default 10)")
    parser.add_argument("--cursor", help="go on where an earlier page ended (as its last line says)")
    add_port(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the hits, best or newest first."""
    settings = load("solo", given={"api_port": options.port})
    query = {
        "q": " ".join(options.words) or None,
        "linked": "true" if options.linked else None,
        "sort": "time" if options.newest else None,
        **{name: getattr(options, name) for name in _PASSED},
    }
    given = urllib.parse.urlencode({name: value for name, value in query.items() if value is not None})
    result = ApiClient(settings).get(f"/api/v1/search?{given}", SearchResult)
    if options.json:
        print(msgspec.json.encode(result).decode())
        return 0
    for hit in result.hits:
        print(_line(hit))
    note = f" ({result.mode}: {plain(result.reason)})" if result.reason else ""
    waiting = f"posts without their vector: {result.pending:,}"
    print(f"{counted(len(result.hits), 'hit')} in {result.took_ms:.0f} ms{note}; {waiting}.")
    if result.next is not None:
        print(f"There is more: the same with --cursor {result.next}")
    return 0


#: Options that the API knows by the same name.
_PASSED = ("like", "feed", "language", "author", "topic", "since", "until", "limit", "cursor")


def _line(hit: SearchHit) -> str:
    """One hit. Posts are hostile: what could drive a terminal is taken out."""
    alike = f" (and {hit.alike} alike)" if hit.alike else ""
    return f"{hit.post.time:%Y-%m-%d %H:%M} [{'+'.join(hit.matched)}] {plain(hit.post.text)}{alike}"
