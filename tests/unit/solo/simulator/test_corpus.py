from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from services.solo.simulator.corpus import LANGUAGES, TOPICS, load
from shared.errors import ConfigurationError
from tests.support import texts

Change = Callable[[dict[str, Any]], Any]


def test_a_correct_corpus_is_accepted() -> None:
    corpus = texts.corpus()
    assert set(corpus.tongues) == set(LANGUAGES)
    assert len(TOPICS) == 40


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda d: d["de.json"].update(language="fr"), "de.json: language is 'fr'"),
        (lambda d: d["en.json"]["topics"].pop("cats"), "en.json: topics missing or unknown: cats"),
        (lambda d: d["en.json"]["topics"]["cats"].pop(), "topic cats has fewer than 6"),
        (lambda d: d["pt.json"]["slots"].pop("city"), "pt.json: slots without values: city"),
        (lambda d: d["es.json"]["replies"].clear(), "spam and replies must not be empty"),
        (lambda d: d["en.json"]["topics"]["cats"].append("a {colour} cat"), "unknown placeholders colour"),
        (lambda d: d["en.json"]["topics"]["cats"].append("buy at {link}"), "unknown placeholders link"),
        (lambda d: d["en.json"]["topics"]["cats"].append("see https://real.com/x"), "host outside .example"),
        (lambda d: d["en.json"]["topics"]["cats"].append(" "), "text empty or over"),
        (lambda d: d["en.json"]["topics"]["cats"].append("x" * 301), "text empty or over"),
        (lambda d: d["fr.json"]["replies"].append("de reply 1"), "text also in de.json"),
        (lambda d: d["stories.json"].clear(), "at least one story"),
        (lambda d: d["stories.json"][0].update(key="derby"), "keys must be distinct"),
        (lambda d: d["stories.json"][0]["texts"].pop("en"), "English texts are missing"),
        (lambda d: d["stories.json"][0]["texts"]["en"].pop("mid"), "early, mid and late"),
        (lambda d: d["stories.json"][0].update(link="https://real.com"), "host outside .example"),
        (lambda d: d["stories.json"][0].update(terms=[]), "terms are missing"),
        (lambda d: d["stories.json"][0].update(colour="red"), "unknown field `colour`"),
        (lambda d: d["ja.json"].update(spam="buy"), "Expected `array`"),
    ],
)
def test_a_faulty_corpus_is_refused_by_name(change: Change, complaint: str) -> None:
    documents = texts.documents()
    change(documents)
    with pytest.raises(ConfigurationError) as caught:
        texts.corpus(documents)
    assert complaint in str(caught.value)


@pytest.mark.skipif(
    not (files("services.solo.simulator") / "corpus" / "stories.json").is_file(),
    reason="THE SHIPPED TEXTS ARE NOT IN THIS TREE YET",
)
def test_the_shipped_corpus_is_correct_and_rich_enough() -> None:
    corpus = load()
    everyday = [t for tongue in corpus.tongues.values() for ts in tongue.topics.values() for t in ts]
    assert len(set(everyday)) >= 1_200
    # Fewer stories would have to be told faster, see stories.Schedule.
    assert len(corpus.stories) >= 6
