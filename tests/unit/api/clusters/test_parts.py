"""Names, places, weights and centres, each by itself."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product
from uuid import UUID

import numpy as np
import pytest

from services.api.clusters import labels, places
from services.api.clusters.frame import HEIGHT, WIDTH
from services.api.clusters.geometry import Means, unit, weights_of
from services.api.clusters.model import Item, Place
from services.api.clusters.told import trend_of
from shared.schemas.vector import DIMENSION, Vectors


def item(number: int, language: str, *terms: str, author: int | None = None) -> Item:
    return Item(UUID(int=number), 0, number if author is None else author, number, language, terms)


# --- names ----------------------------------------------------------------------------------------
def test_a_name_is_what_these_people_say_and_others_do_not() -> None:
    inside = [item(n, "en", "lisbon", "power", "today") for n in range(10)]
    everywhere = labels.count_terms([*inside, *(item(100 + n, "en", "today") for n in range(400))])
    terms = labels.terms_of_posts(inside, everywhere, 50.0)
    assert labels.label_of(terms) == "lisbon · power"


def test_each_main_language_speaks_and_a_rare_one_does_not() -> None:
    inside = [item(n, "en", "lisbon", "outage", "power") for n in range(10)]
    inside += [item(20 + n, "pt", "lisboa", "apagão") for n in range(8)]
    inside += [item(40 + n, "fr", "panne") for n in range(2)]
    terms = labels.terms_of_posts(inside, labels.count_terms(inside), 20.0)
    assert {"lisboa", "apagão"} & set(labels.label_of(terms).split(" · "))
    assert "panne" not in terms


def test_words_that_name_nothing_are_in_no_label_while_there_are_others() -> None:
    assert labels.label_of(["between", "lisbon", "near", "power"]) == "lisbon · power"
    assert labels.label_of(["between"]) == "between"


def test_a_sentence_without_spaces_is_no_name() -> None:
    assert labels.label_of(["mirela", "quintの新しいアルバムが出たので四十六分ください", "album"]) == "mirela · album"


def test_one_loud_account_gives_no_name() -> None:
    inside = [item(n, "en", "storm") for n in range(6)] + [item(50 + n, "en", "buy", author=1) for n in range(60)]
    assert labels.terms_of_posts(inside, labels.count_terms(inside), 20.0) == ["storm"]


def test_without_common_words_there_is_no_name() -> None:
    inside = [item(n, "", f"word{n}") for n in range(10)]
    assert labels.label_of(labels.terms_of_posts(inside, labels.count_terms(inside), 10.0)) == ""
    assert labels.terms_of_posts([], Counter(), 1.0) == []


def test_a_name_stays_while_half_of_it_still_holds() -> None:
    assert labels.keeps("lisbon · power", ["power", "metro"])
    assert not labels.keeps("lisbon · power · dark", ["power", "metro"])
    assert not labels.keeps("", ["power"])


# --- places ---------------------------------------------------------------------------------------
def centres(count: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32))


@pytest.mark.parametrize("count", [1, 2, 3, 12, 40])
def test_circles_lie_inside_the_frame_and_apart(count: int) -> None:
    laid = places.lay_out(centres(count), [10 * (n + 1) for n in range(count)], [None] * count)
    for place in laid:
        assert place.radius <= place.x <= WIDTH - place.radius
        assert place.radius <= place.y <= HEIGHT - place.radius
    for one, other in product(laid, laid):
        if one is not other:
            assert np.hypot(one.x - other.x, one.y - other.y) >= one.radius + other.radius - 2.0


def test_alike_lies_near() -> None:
    base = centres(3, 5)
    pair = unit(base[0] + 0.2 * centres(1, 9)[0][None, :])
    laid = places.lay_out(np.vstack([base, pair]), [30] * 4, [None] * 4)
    gaps = [np.hypot(laid[0].x - place.x, laid[0].y - place.y) for place in laid[1:]]
    assert min(gaps) == gaps[2]


def test_a_newcomer_moves_nobody_far_and_nothing_turns_over() -> None:
    vectors = centres(12)
    before: list[Place | None] = list(places.lay_out(vectors, [30] * 12, [None] * 12))
    for seed in range(20):
        jittered = unit(vectors + 0.05 * centres(12, 100 + seed))
        after = places.lay_out(np.vstack([jittered, centres(1, 50)]), [30] * 12 + [8], [*before, None])
        for old, new in zip(before, after, strict=False):
            assert old is not None
            assert np.hypot(old.x - new.x, old.y - new.y) < 60
        before = list(after[:12])


def test_larger_circles_hold_more_posts() -> None:
    radii = places.radii_of([10, 20, 400, 4000])
    assert all(one <= other for one, other in pairwise(radii.tolist()))


# --- weights and centres --------------------------------------------------------------------------
def test_a_loud_account_and_a_copied_text_weigh_as_one() -> None:
    weights = weights_of(np.array([1, 1, 1, 1, 2, 3, 4]), np.array([10, 11, 12, 13, 20, 20, 21]))
    assert weights.tolist() == [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 1.0]


def test_the_same_subject_meets_across_languages_once_centred() -> None:
    chance = np.random.default_rng(3)
    cone, tongues = 5 * chance.normal(size=DIMENSION), 2 * chance.normal(size=(2, DIMENSION))
    rows = chance.normal(size=(400, DIMENSION)) + cone + tongues[np.arange(400) % 2]
    subject = chance.normal(size=DIMENSION)
    rows[:40] += 1.5 * subject
    vectors = unit(rows.astype(np.float32))
    assert (vectors @ vectors.T).min() > 0.7  # as E5's lie
    found = Means().centre(vectors, ["en", "pt"] * 200, np.ones(400, np.float32))
    across, apart = found[0:40:2] @ found[1:40:2].T, found[40::2] @ found[41::2].T
    assert across.mean() > 0.5
    assert abs(apart.mean()) < 0.1


def test_means_survive_a_restart_and_forget_languages_that_went() -> None:
    means = Means()
    vectors = centres(20)
    means.centre(vectors, ["en"] * 10 + ["pt"] * 10, np.ones(20, np.float32))
    assert set(Means(means.kept()).kept()) == {"*", "en", "pt"}
    means.centre(vectors, ["en"] * 20, np.ones(20, np.float32))
    assert set(means.kept()) == {"*", "en"}


@pytest.mark.parametrize(
    ("earlier", "recent", "trend"),
    [(0, 9, "new"), (10, 30, "rising"), (30, 10, "fading"), (20, 24, "steady"), (1, 3, "steady"), (0, 0, "new")],
)
def test_trend(earlier: int, recent: int, trend: str) -> None:
    assert trend_of(earlier, recent) == trend
