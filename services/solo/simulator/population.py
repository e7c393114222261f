"""Who writes: a Zipf-distributed crowd with home languages, a pool of spam accounts, and newcomers without end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.solo.simulator.chance import Floats, lane, uniform
from services.solo.simulator.identifiers import did

Accounts = NDArray[np.int32]

#: Share of posts by language.
LANGUAGE_SHARES = {"en": 0.45, "ja": 0.15, "pt": 0.12, "es": 0.12, "de": 0.08, "fr": 0.08}
SPAM_ACCOUNTS = 480
_GOLDEN_RATIO = 0.6180339887498949
_FLATTENING = 30  # Zipf-Mandelbrot offset: the loudest account then writes 0.5 % of all, not 10 %


class Population:
    """``size`` people numbered from the loudest, then the spam accounts, then newcomers.

    Shares of languages absent from ``languages`` are spread over those present.
    """

    def __init__(self, seed: int, languages: Sequence[str], size: int = 20_000) -> None:
        self.size, self._seed = size, seed
        self.languages = [name for name in LANGUAGE_SHARES if name in languages]
        weights = 1.0 / (np.arange(1, size + 1) + _FLATTENING)
        self._cumulative = np.cumsum(weights / weights.sum())
        self._language = self._spread_languages(seed)
        self._speakers = [
            np.flatnonzero(self._language == index).astype(np.int32) for index in range(len(self.languages))
        ]
        self._dids = [did(seed, account) for account in range(self.newcomers)]

    def _spread_languages(self, seed: int) -> NDArray[np.uint8]:
        # A golden-ratio sequence over the ranks keeps the shares exact among the loud accounts too.
        shares = np.array([LANGUAGE_SHARES[name] for name in self.languages])
        places = (np.arange(self.newcomers) * _GOLDEN_RATIO + uniform(lane(seed, "languages"))) % 1
        chosen = np.searchsorted(np.cumsum(shares / shares.sum()), places, side="right")
        return np.minimum(chosen, len(self.languages) - 1).astype(np.uint8)

    def draw(self, chances: Floats) -> Accounts:
        """People by loudness, one for each chance in [0, 1)."""
        ranks = np.searchsorted(self._cumulative, chances, side="right")
        return np.minimum(ranks, self.size - 1).astype(np.int32)

    def draw_evenly(self, chances: Floats, languages: Sequence[str]) -> Accounts:
        """People who speak one of ``languages``, loud or not alike: the public of a story."""
        pools = [self._speakers[self.languages.index(name)] for name in languages if name in self.languages]
        pool = np.concatenate(pools)
        return pool[(chances * len(pool)).astype(np.int64)]

    def language(self, account: int) -> str:
        """Home language of an account."""
        return self.languages[int(self._language[account % len(self._language)])]

    def did(self, account: int) -> str:
        """Decentralised identifier of an account."""
        return self._dids[account] if account < self.newcomers else did(self._seed, account)

    @property
    def newcomers(self) -> int:
        """The first account that belongs to no one of the crowd and the pool."""
        return self.size + SPAM_ACCOUNTS

    def spam_account(self, number: int) -> int:
        """The account of a spam sender; numbers beyond the pool wrap around."""
        return self.size + number % SPAM_ACCOUNTS
