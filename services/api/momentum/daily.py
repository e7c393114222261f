"""Things of every day in their hour: a show, a greeting, a market that opens. What is said with them is no news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.api.momentum.config import MomentumConfig
from services.api.momentum.evidence import Evidence
from services.api.momentum.sketch import Floats, Ints
from services.api.momentum.view import View


@dataclass(frozen=True, slots=True)
class Daily:
    """Which posts hold which daily things in their hour: pairs of a row and a column of the view.
    ``awake`` is each language's share of the hour's posts in multiples of its daily average."""

    rows: Ints
    columns: Ints
    lifts: Floats
    awake: Floats

    @classmethod
    def among(cls, view: View, parents: Sequence[int], lifts: Floats, spoken: Floats) -> Daily:
        """``lifts[column]`` is how far a term is expected above its average, ``spoken`` the posts of each language
        by day."""
        at = np.flatnonzero(np.isin(view.columns, parents))
        now = np.bincount(view.languages, minlength=len(spoken))
        share = now / max(now.sum(), 1)
        awake = np.divide(share * spoken.sum(), spoken, out=np.ones(len(spoken)), where=spoken > 0)
        return cls(view.rows[at], view.columns[at], lifts, awake)

    def explains(self, config: MomentumConfig, view: View, evidence: Evidence) -> bool:
        """Whether most of the posts hold one and the same daily thing that rises above its average further than
        their language does: when a language wakes up, all its everyday words do."""
        held = self.columns[np.isin(self.rows, evidence.rows)]
        if not len(held):
            return False
        counts = np.bincount(held)
        thing = int(counts.argmax())
        language = int(np.bincount(view.languages[evidence.rows]).argmax())
        lifted = self.lifts[thing] >= config.parent_ratio * max(float(self.awake[language]), 1.0)
        return bool(lifted and counts[thing] >= config.parent_share * evidence.posts)
