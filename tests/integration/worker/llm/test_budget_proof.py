"""The short form of ``make budget-proof``, and the proof that it proves something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.budget_proof import Spenders, report, spenders

PROCESSES, CONCURRENT, DOLLARS = 3, 60, 0.5


@pytest.fixture
def made(postgres_url: str) -> Iterator[Spenders]:
    with spenders(postgres_url, PROCESSES) as found:
        yield found


def test_processes_that_spend_all_they_can_never_pass_the_limit_and_do_without_the_condition(made: Spenders) -> None:
    # given processes whose clocks are two hours apart, and a provider on a good and on a bad day
    verdicts = [made.play(seed, CONCURRENT, DOLLARS) for seed in (0, 3)]
    # then nothing is wrong: nothing overspent, nothing lost, hardly anything unused
    assert [verdict.faults for verdict in verdicts] == [[], []]
    assert all(verdict.refused for verdict in verdicts), "more was wanted than there was"
    assert "$0.000000" in report(verdicts)
    # and when the reservation loses its condition, the same test finds it out
    mutant = made.play(0, CONCURRENT, DOLLARS, fits="true")
    assert any("above the budget" in fault for fault in mutant.faults)
    assert mutant.bill > 2 * mutant.cap
