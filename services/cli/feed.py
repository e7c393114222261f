"""``groundswell feed``: the feeds of the platform that runs on this machine."""

from __future__ import annotations

import argparse
import urllib.parse
from collections.abc import Callable
from typing import Any

import msgspec

from services.cli.reach import add_port
from services.cli.words import counted, plain
from services.solo.client import ApiClient
from shared.config.load import load
from shared.errors import InputError
from shared.schemas.feed import Feed, FeedDrop, FeedDrops, FeedList

_ROOT = "/api/v1/feeds"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Actions and their options."""
    add_port(parser)
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    actions.add_parser("list", help="all feeds and how they are")
    add = actions.add_parser("add", help="read another feed")
    add.add_argument("feed", help="its name: small letters, digits, - and _")
    add.add_argument("--kind", default="jetstream", help="its protocol (default %(default)s)")
    add.add_argument("--url", required=True, help="its address; secrets never belong here")
    add.add_argument("--backfill", type=int, default=60, metavar="MINUTES", help="begin so far back (default 60)")
    add.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of its kind; JSON or text")
    for name, words in (("pause", "stop reading it, keep its posts"), ("resume", "go on where it stopped")):
        actions.add_parser(name, help=words).add_argument("feed")
    remove = actions.add_parser("remove", help="forget it, and its posts if told so")
    remove.add_argument("feed")
    remove.add_argument("--posts", choices=("keep", "delete"), default="keep", help="delete: its posts go too")
    actions.add_parser("drops", help="when and why its connection was lost").add_argument("feed")
    for action in actions.choices.values():
        add_port(action, argparse.SUPPRESS)  # said or not, what stood before the action is kept


def run(options: argparse.Namespace) -> int:
    """Do it and print what came of it."""
    client = ApiClient(load("solo", given={"api_port": options.port}))
    for line in _ACTIONS[options.action](client, options):
        print(line)
    return 0


def _list(client: ApiClient, _: argparse.Namespace) -> list[str]:
    return [_line(feed) for feed in client.get(_ROOT, FeedList).feeds] or ["There is no feed."]


def _add(client: ApiClient, options: argparse.Namespace) -> list[str]:
    body = {
        "id": options.feed,
        "kind": options.kind,
        "url": options.url,
        "backfill_minutes": options.backfill,
        "options": dict(map(_option, options.option)),
    }
    return [_line(client.post(_ROOT, body, Feed))]


def _switch(client: ApiClient, options: argparse.Namespace) -> list[str]:
    return [_line(client.send("PATCH", _path(options.feed), {"enabled": options.action == "resume"}, Feed))]


def _remove(client: ApiClient, options: argparse.Namespace) -> list[str]:
    return [_line(client.send("DELETE", f"{_path(options.feed)}?posts={options.posts}", None, Feed))]


def _drops(client: ApiClient, options: argparse.Namespace) -> list[str]:
    found = client.get(f"{_path(options.feed)}/drops", FeedDrops).drops
    return [_drop(drop) for drop in found] or ["No connection was lost."]


_ACTIONS: dict[str, Callable[[ApiClient, argparse.Namespace], list[str]]] = {
    "list": _list,
    "add": _add,
    "pause": _switch,
    "resume": _switch,
    "remove": _remove,
    "drops": _drops,
}


def _path(feed: str) -> str:
    return f"{_ROOT}/{urllib.parse.quote(feed, safe='')}"


def _option(given: str) -> tuple[str, Any]:
    """``NAME=VALUE``; a value that is no JSON is a text."""
    name, equals, value = given.partition("=")
    if not equals or not name:
        raise InputError(f"{given!r} is no option.", do="Write it as NAME=VALUE, for example version=2.")
    try:
        return name, msgspec.json.decode(value.encode())
    except msgspec.DecodeError:
        return name, value


def _line(feed: Feed) -> str:
    reason = f" {plain(feed.reason)}" if feed.reason else ""
    return f"{feed.id}: {feed.status} ({feed.kind}, {counted(feed.posts, 'post')}, {feed.rate:.0f}/s).{reason}"


def _drop(drop: FeedDrop) -> str:
    back = f"back after {drop.away_seconds:.0f} s" if drop.reconnected_at else "not back yet"
    detail = f" {plain(drop.detail)}" if drop.detail else ""
    return f"{drop.ended_at:%Y-%m-%d %H:%M:%S} {drop.cause} ({drop.code}), {back}.{detail}"
