"""How surprising a term's counts are.

A word becomes a candidate by the Poisson log-likelihood ratio of any window, damped for
over-dispersion; its score is the deviation of its hourly count in standard deviations, where the
variance is the largest of what was seen of the word, what the expectation itself leaves open
(predictive variance of a Poisson rate estimated from a finite baseline), and a floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.api.momentum.baseline import Baseline
from services.api.momentum.config import MomentumConfig
from services.api.momentum.sketch import Floats, Hashes, Ints


@dataclass(frozen=True, slots=True)
class Scores:
    """One entry a term: the candidate score over all windows, the deviation, the usual and the average
    share, expected posts of the longest window and their variance (without the floor)."""

    surprise: Floats
    deviation: Floats
    usual: Floats
    average: Floats
    expected: Floats
    variance: Floats


def score_terms(
    config: MomentumConfig,
    baseline: Baseline,
    minute: int,
    hashes: Hashes,
    counts: Ints,
    totals: tuple[int, ...],
) -> Scores:
    """Score terms whose window counts are ``counts[w, term]`` out of ``totals[w]`` posts."""
    known = baseline.expected(minute, hashes)
    surprise = np.zeros(len(hashes))
    for seen, total in zip(counts, totals, strict=True):
        np.maximum(surprise, damped_ratio(seen, known.share * total, config.overdispersion), out=surprise)
    expected, usual = known.share * totals[-1], known.usual * totals[-1]
    variance = np.maximum(
        baseline.variance.of(hashes) * float(totals[-1]) ** 2,
        expected * (1.0 + totals[-1] / known.known) + (config.clustering - 1.0) * usual + (config.drift * usual) ** 2,
    )
    return Scores(
        surprise=surprise,
        deviation=deviation_of(config, counts[-1], expected, variance, totals[-1]),
        usual=known.usual,
        average=known.average,
        expected=expected,
        variance=variance,
    )


def deviation_of(config: MomentumConfig, seen: Ints, expected: Floats, variance: Floats, total: int) -> Floats:
    """Standard deviations by which counts of ``total`` posts lie above what was expected."""
    floor = config.deviation_floor**2 * max(total / config.floor_posts, 1.0)
    deviation = (seen - expected) / np.sqrt(variance + floor)
    return np.asarray(deviation, dtype=np.float64)


def damped_ratio(seen: Ints, expected: Floats, overdispersion: float) -> Floats:
    """Log-likelihood ratio of a Poisson count against its expectation, / (1 + overdispersion *
    expected); 0 where the count does not exceed it."""
    lifted = np.maximum(seen, expected)
    ratio = lifted * np.log(lifted / expected) - (lifted - expected)
    return np.asarray(ratio / (1.0 + overdispersion * expected), dtype=np.float64)
