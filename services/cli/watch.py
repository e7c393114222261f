"""``groundswell watch list | add | backtest``: watches of the platform that runs on this machine."""

from __future__ import annotations

import argparse
import math

import msgspec

from services.cli.reach import add_json, add_port
from services.cli.words import counted, plain
from services.solo.client import ApiClient
from shared.config.load import load
from shared.errors import InputError
from shared.schemas.backtest import Backtest
from shared.schemas.watch import Threshold, Watch, WatchList, WatchRule, Words

#: A backtest may read a month of posts.
BACKTEST_SECONDS = 90.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and its options."""
    add_port(parser)
    add_json(parser)
    verbs = parser.add_subparsers(dest="what", required=True)
    verbs.add_parser("list", help="all watches and how they are doing")
    add = verbs.add_parser("add", help="save a watch for posts with any of these words")
    add.add_argument("name")
    for verb in (add, verbs.add_parser("backtest", help="how often these words would have fired in the last days")):
        verb.add_argument("words", nargs="+", help="words, phrases, #hashtags or $cashtags; any of them")
        verb.add_argument("--posts", type=int, default=1, help="at least so many posts (default 1)")
        verb.add_argument("--authors", type=int, default=1, help="by at least so many people (default 1)")
        verb.add_argument("--minutes", type=int, default=10, help="within so many minutes (default 10)")
        verb.add_argument("--times-usual", type=float, help="and so many times what is usual")
    for verb in verbs.choices.values():
        add_port(verb, argparse.SUPPRESS)  # said or not, what stood before the verb is kept
        add_json(verb, argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Do it, and print what there is to see."""
    client = ApiClient(load("solo", given={"api_port": options.port}), timeout_seconds=BACKTEST_SECONDS)
    if options.what == "list":
        watches = client.get("/api/v1/watches", WatchList)
        _print(options, watches, [_line(watch) for watch in watches.watches] or ["No watch is saved."])
    elif options.what == "add":
        watch = client.post("/api/v1/watches", {"name": options.name, "rule": _rule(options)}, Watch)
        _print(options, watch, [_line(watch)])
    else:
        past = client.post("/api/v1/watches/backtest", {"rule": _rule(options)}, Backtest)
        fired = [(firing.at, firing.reason) for episode in past.episodes for firing in episode.firings]
        fired += [(firing.at, firing.reason) for topic in past.topics for firing in topic.firings]
        _print(options, past, [*(f"{at:%Y-%m-%d %H:%M} {why}" for at, why in sorted(fired)), past.summary])
    return 0


def _rule(options: argparse.Namespace) -> WatchRule:
    if options.times_usual is not None and not math.isfinite(options.times_usual):  # JSON would say null: any
        raise InputError(f"--times-usual {options.times_usual} is not a number.", do="For example: --times-usual 3")
    threshold = Threshold(
        posts=options.posts, authors=options.authors, minutes=options.minutes, times_usual=options.times_usual
    )
    return WatchRule(words=Words(any=options.words), threshold=threshold)


def _print(options: argparse.Namespace, answer: msgspec.Struct, lines: list[str]) -> None:
    print(msgspec.json.encode(answer).decode() if options.json else "\n".join(map(plain, lines)))


def _line(watch: Watch) -> str:
    last = f", last {watch.last_alert_at:%Y-%m-%d %H:%M}" if watch.last_alert_at else ""
    return f"{watch.id} [{watch.status}] {watch.name}: {counted(watch.alerts, 'alert')}{last}"
