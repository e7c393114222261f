"""Things of every day in their hour: a show, a greeting, a market that opens. What is said with them is no news."""

from __future__ import annotations

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
    def among(cls, view: View, lifts: Floats, spoken: Floats) -> Daily:
        """``view`` is of the daily things, ``lifts[column]`` how far one is expected above its average, ``spoken``
        the posts of each language by day."""
        now = np.bincount(view.languages, minlength=len(spoken))
        share = now / max(now.sum(), 1)
        awake = np.divide(share * spoken.sum(), spoken, out=np.ones(len(spoken)), where=spoken > 0)
        return cls(view.rows, view.columns, lifts, awake)

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
