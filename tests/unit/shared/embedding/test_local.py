"""The embedder over a model that is not one: order, repeats, and vectors nobody may store."""

from __future__ import annotations

import numpy as np
import pytest

from shared.embedding.batching import Ids
from shared.embedding.local import LocalEmbedder
from shared.embedding.models import MOST_TOKENS, MULTILINGUAL
from shared.embedding.tokenizer import Tokenizer
from shared.errors import EmbedderOutOfMemory, EmbedderUnavailable
from shared.schemas.vector import DIMENSION, Vectors
from tests.support.vocabulary import small_vocabulary


class CountingSession:
    """Answers each row with a unit vector on the axis of its number of tokens."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        self.shapes.append(ids.shape)
        return np.eye(DIMENSION, dtype=np.float32)[mask.sum(axis=1)]


class BrokenSession:
    def __init__(self, answer: Vectors) -> None:
        self.answer = answer

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        return self.answer


class SmallSession(CountingSession):
    """Has memory for so many rows at once."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        if len(ids) > self.rows:
            raise EmbedderOutOfMemory("The model did not run.")
        return super().run(ids, mask)


def embedder(session: CountingSession | BrokenSession) -> LocalEmbedder:
    return LocalEmbedder(MULTILINGUAL, Tokenizer(small_vocabulary()), session)


def test_vectors_come_in_the_order_of_the_texts() -> None:
    session = CountingSession()
    model = embedder(session)
    texts = ["power " * count for count in (9, 1, 30, 4, 1, 0)]
    axes = model.embed(texts, "passage").argmax(axis=1)
    assert axes.tolist() == [len(model.tokens(text, "passage")) for text in texts]


def test_equal_texts_are_computed_once() -> None:
    session = CountingSession()
    vectors = embedder(session).embed(["power", "停電停電", "power", "power"], "passage")
    assert sum(rows for rows, _width in session.shapes) == 2
    assert vectors.shape == (4, DIMENSION)
    assert np.array_equal(vectors[0], vectors[3])


def test_no_texts_give_no_vectors() -> None:
    vectors = embedder(CountingSession()).embed([], "query")
    assert vectors.shape == (0, DIMENSION)
    assert vectors.dtype == np.float32


def test_a_long_text_is_cut() -> None:
    session = CountingSession()
    embedder(session).embed(["power " * 600], "passage")
    assert session.shapes == [(1, MOST_TOKENS)]


def test_a_query_and_a_passage_are_read_with_their_own_prefix() -> None:
    model = embedder(CountingSession())
    assert model.tokens("power", "query") != model.tokens("power", "passage")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (np.full((1, DIMENSION), np.nan, dtype=np.float32), "unit length"),
        (np.zeros((1, DIMENSION), dtype=np.float32), "unit length"),
        (np.full((1, DIMENSION), 2, dtype=np.float32), "unit length"),
        (np.ones((1, 3), dtype=np.float32), "Shape"),
        (np.ones((2, DIMENSION), dtype=np.float32), "Shape"),
    ],
    ids=["not a number", "zero", "too long", "another dimension", "another count"],
)
def test_unusable_vectors_are_refused(answer: Vectors, why: str) -> None:
    with pytest.raises(EmbedderUnavailable, match=why):
        embedder(BrokenSession(answer)).embed(["power"], "passage")


def test_a_batch_that_does_not_fit_is_halved_and_so_are_those_that_follow() -> None:
    session = SmallSession(3)
    model = embedder(session)
    texts = [f"power {number}" for number in range(40)]
    vectors = model.embed(texts, "passage")
    assert [int(axis) for axis in vectors.argmax(axis=1)] == [len(model.tokens(text, "passage")) for text in texts]
    assert model.tokens_per_batch == MOST_TOKENS


def test_a_text_for_which_there_is_no_memory_is_an_error() -> None:
    with pytest.raises(EmbedderOutOfMemory):
        embedder(SmallSession(0)).embed(["power", "停電"], "passage")
