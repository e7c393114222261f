"""Which texts share a vector, and that nobody gets another's."""

from __future__ import annotations

import numpy as np
import pytest

from shared.embedding import sharing
from shared.embedding.sharing import SharingEmbedder, key_of
from shared.errors import TextsRefused
from tests.support.fake_meaning import FakeEmbedder

NEWS = "The bridge over the harbour is closed until tomorrow"


@pytest.mark.parametrize(
    "other",
    [
        NEWS.upper(),
        f"  {NEWS}\n",
        f"@someone.example {NEWS}",
        f"{NEWS} https://news.example/a?b=1",
        NEWS.replace(" ", "  "),
    ],
)
def test_what_differs_only_in_form_shares(other: str) -> None:
    assert key_of(other) == key_of(NEWS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NEWS, NEWS.replace("closed", "open")),
        (f"{NEWS} 3", f"{NEWS} 4"),
        (f"{NEWS} #harbour", NEWS),
        (f"{NEWS}!", NEWS),
        ("look https://a.example", "look https://b.example"),
        ("@one hi", "@two hi"),
        ("", " "),
        ("LOL", "lol"),
        ("mail me: a@b.example and tell me what you have seen", "mail me: a and tell me what you have seen"),
    ],
)
def test_what_may_mean_something_else_does_not(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


def test_scripts_without_spaces_share_too() -> None:
    text = "停電した。マンション全体が真っ暗で、エレベーターも止まっている。"
    assert key_of(text + " https://a.example") == key_of(text)


def test_each_text_gets_its_own_vector_and_copies_the_same() -> None:
    model = FakeEmbedder()
    embedder = SharingEmbedder(model)
    texts = [NEWS, "something else that is long enough", NEWS.upper(), "short"]
    vectors = embedder.embed(texts)
    assert len(model.embedded) == 3
    assert np.allclose(vectors[0], vectors[2])
    assert np.allclose(vectors, model.embed([NEWS, texts[1], NEWS, "short"], "passage"))
    # later batches too
    again = embedder.embed([f"{NEWS} https://c.example"])
    assert np.allclose(again[0], vectors[0], atol=1e-3)
    assert embedder.shared == 2


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "MOST_REMEMBERED", 3)
    embedder = SharingEmbedder(FakeEmbedder())
    for number in range(10):
        embedder.embed([f"text number {number}", f"text number {number + 100}"])
    assert len(embedder._kept) == 3


def test_a_refused_text_is_named_at_all_its_places() -> None:
    model = FakeEmbedder()
    model.refuses = NEWS
    embedder = SharingEmbedder(model)
    with pytest.raises(TextsRefused) as refused:
        embedder.embed(["one", NEWS, "two", NEWS.upper()])
    assert refused.value.places == [1, 3]
    assert embedder.embed(["one", "two"]).shape[0] == 2


def test_half_a_surrogate_pair_is_no_error() -> None:
    assert key_of("\ud83d") != key_of("\ud83e")
