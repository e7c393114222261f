from __future__ import annotations

import pytest

from services.solo.simulator.chance import uniforms
from services.solo.simulator.population import LANGUAGE_SHARES, Population


def test_loudness_follows_zipf_and_languages_their_shares() -> None:
    # given
    population = Population(5, list(LANGUAGE_SHARES))
    # when
    authors = population.draw(uniforms(1, 200_000)).tolist()
    # then
    head = sum(author < 200 for author in authors) / len(authors)
    assert 0.2 < head < 0.4, "one in a hundred authors writes about a third"
    assert authors.count(0) / len(authors) < 0.01, "nobody alone is a crowd"
    for language, share in LANGUAGE_SHARES.items():
        spoken = sum(population.language(author) == language for author in authors) / len(authors)
        assert spoken == pytest.approx(share, abs=0.02)


def test_the_public_of_a_story_speaks_its_languages() -> None:
    population = Population(5, list(LANGUAGE_SHARES))
    crowd = population.draw_evenly(uniforms(2, 2_000), ["en", "pt"]).tolist()
    assert {population.language(author) for author in crowd} == {"en", "pt"}
    assert len(set(crowd)) > 1_500


def test_spam_accounts_are_nobody_else() -> None:
    population = Population(5, ["en"], size=100)
    assert population.spam_account(0) == 100
    assert population.did(population.spam_account(3)) not in {population.did(n) for n in range(100)}
