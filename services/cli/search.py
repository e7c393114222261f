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
    parser.add_argument("words", nargs="+", help="what to look for, in any language")
    parser.add_argument("--limit", type=int, default=10, help="most hits shown (default 10)")
    parser.add_argument("--language", help="only posts in this language, for example pt")
    add_port(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the hits, best first."""
    settings = load("solo", given={"api_port": options.port})
    query = {"q": " ".join(options.words), "limit": options.limit, "language": options.language}
    given = urllib.parse.urlencode({name: value for name, value in query.items() if value is not None})
    result = ApiClient(settings).get(f"/api/v1/search?{given}", SearchResult)
    if options.json:
        print(msgspec.json.encode(result).decode())
        return 0
    for hit in result.hits:
        print(_line(hit))
    note = f" ({result.mode}: {result.reason})" if result.reason else ""
    waiting = f"posts without their vector: {result.pending:,}"
    print(f"{counted(len(result.hits), 'hit')} in {result.took_ms:.0f} ms{note}; {waiting}.")
    return 0


def _line(hit: SearchHit) -> str:
    """One hit. Posts are hostile: what could drive a terminal is taken out."""
    return f"{hit.post.time:%Y-%m-%d %H:%M} [{'+'.join(hit.matched)}] {plain(hit.post.text)}"
