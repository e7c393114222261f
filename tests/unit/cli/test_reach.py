"""Options of a verb stand before or after what is to be done."""

from __future__ import annotations

import importlib
from argparse import ArgumentParser, Namespace

import pytest

SAID = [
    ("feed", ["list"]),
    ("feed", ["add", "more", "--url", "wss://feed.example"]),
    ("feed", ["pause", "more"]),
    ("feed", ["resume", "more"]),
    ("feed", ["remove", "more", "--posts", "delete"]),
    ("feed", ["drops", "more"]),
    ("watch", ["list"]),
    ("watch", ["add", "Tea", "tea", "milk"]),
    ("watch", ["backtest", "tea", "milk"]),
]


def read(verb: str, words: list[str]) -> Namespace:
    parser = ArgumentParser(exit_on_error=False)
    importlib.import_module(f"services.cli.{verb}").arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(("verb", "words"), SAID)
def test_the_port_may_stand_anywhere(verb: str, words: list[str]) -> None:
    places = [["--port", "9", *words], [words[0], "--port", "9", *words[1:]], [*words, "--port", "9"]]
    assert [read(verb, place).port for place in places] == [9, 9, 9]
    assert read(verb, words).port is None
    assert read(verb, ["--port", "8", *words, "--port", "9"]).port == 9


def test_every_action_of_feeds_and_watches_was_tried() -> None:
    for verb in ("feed", "watch"):
        parser = ArgumentParser()
        importlib.import_module(f"services.cli.{verb}").arguments(parser)
        (actions,) = [action.choices for action in parser._actions if action.dest in ("action", "what")]
        assert set(actions or ()) == {words[0] for tried, words in SAID if tried == verb}


def test_json_may_stand_anywhere() -> None:
    for place in (["--json", "list"], ["list", "--json"]):
        assert read("watch", place).json is True
    assert read("watch", ["list"]).json is False
