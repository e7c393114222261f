"""Whether the people who use a word talk about one thing.

A story is told in words that come together: posts that name it share other words far beyond chance. A word
that merely is in fashion, or two that rise at the same hour, are used by people who say different things.
What comes together is found by the log-likelihood ratio of co-occurrence (Dunning, 1993), with the same
allowance for over-dispersion as everywhere here, and counted by people, not posts.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.api.momentum.baseline import Baseline
from services.api.momentum.config import MomentumConfig
from services.api.momentum.explain import whole_words
from services.api.momentum.ring import Ring
from services.api.momentum.score import damped_ratio
from services.api.momentum.sketch import Ints
from services.api.momentum.view import View

#: People looked at, the latest.
_LATEST = 100


class Coherence:
    """Looks up what else the users of a column say. One object a tick; most ticks have nothing to look up."""

    def __init__(self, config: MomentumConfig, ring: Ring, baseline: Baseline, view: View, minute: int) -> None:
        self.config, self.ring, self.baseline, self.view, self.minute = config, ring, baseline, view, minute
        self._total = ring.totals(minute)[-1]

    @cached_property
    def _spoken(self) -> Ints:
        """Posts of each language."""
        return np.bincount(self.view.languages, minlength=1)

    @cached_property
    def _users(self) -> tuple[Ints, Ints]:
        """Columns in ascending order, and the rows that count for each."""
        counted = np.flatnonzero(self.view.counted)
        order = counted[np.argsort(self.view.columns[counted], kind="stable")]
        return self.view.columns[order], self.view.rows[order]

    def of(self, column: int, name: str) -> float:
        """Share of the word's people who also use one of its companions; 0 where it has none."""
        columns, users = self._users
        low, high = np.searchsorted(columns, [column, column + 1])
        rows = users[low:high][-_LATEST:]
        if len(rows) < self.config.min_authors:
            return 0.0
        held = [self.view.terms(row) for row in rows.tolist()]
        owners = np.repeat(np.arange(len(held)), [len(terms) for terms in held])
        terms = np.concatenate(held)
        companions = self._companions(rows, terms, name)
        return len(np.unique(owners[np.isin(terms, companions)])) / len(rows)

    def _companions(self, rows: Ints, terms: NDArray[np.int32], name: str) -> Ints:
        """Those of all posts' ``terms`` that stand beside the word far beyond chance."""
        distinct, counts = np.unique(terms, return_counts=True)
        least = max(self.config.companion_people, self.config.companion_share * len(rows))
        distinct, counts = distinct[counts >= least], counts[counts >= least]
        share = self.baseline.expected(self.minute, self.ring.vocabulary.hashes[distinct]).share
        # A language's everyday words are rare among all posts: what counts is how usual they are in it.
        language = int(np.bincount(self.view.languages[rows]).argmax())
        within = np.minimum(share * self._total / max(int(self._spoken[language]), 1), 1.0)
        unusual = damped_ratio(counts, within * len(rows), self.config.overdispersion) >= self.config.candidate_score
        names = self.ring.vocabulary.names
        apart = [n for n in distinct[unusual].tolist() if len(whole_words([name, names[n]])) > 1]
        return np.array(apart, dtype=np.int64)
