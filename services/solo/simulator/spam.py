"""Spam bursts: a few accounts post near-identical texts. They are noise, never a story."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from services.solo.simulator.chance import lane, uniform

_MINUTE_US = 60_000_000
_EVERY_US = 25 * _MINUTE_US
_ACCOUNTS_EACH = 6


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """One burst in [start_us, end_us) at ``share`` of all posts, sent by pool accounts ``accounts``.

    ``pick`` in [0, 1) chooses its template; ``host`` is where its links point.
    """

    number: int
    start_us: int
    end_us: int
    share: float
    accounts: range
    pick: float
    host: str


class SpamSchedule:
    """A burst of 6 to 15 minutes in every 25, from the anchor on."""

    def __init__(self, seed: int, anchor_us: int) -> None:
        self._anchor_us = anchor_us
        self._chance = lane(seed, "spam schedule")

    def campaign(self, number: int) -> Campaign:
        """Burst ``number``, counted from the anchor."""
        chances = [uniform(self._chance, number, use) for use in range(5)]
        start = self._anchor_us + number * _EVERY_US + int(chances[0] * 8 * _MINUTE_US)
        first = number * _ACCOUNTS_EACH
        return Campaign(
            number=number,
            start_us=start,
            end_us=start + int((6 + 9 * chances[1]) * _MINUTE_US),
            share=0.01 + 0.03 * chances[2],
            accounts=range(first, first + 3 + int(chances[3] * (_ACCOUNTS_EACH - 2))),
            pick=chances[4],
            host=f"win{number % 997}.example",
        )

    def current(self, time_us: int) -> Campaign | None:
        """The burst going on at a moment, if any."""
        number = (time_us - self._anchor_us) // _EVERY_US
        campaign = self.campaign(number)
        return campaign if number >= 0 and campaign.start_us <= time_us < campaign.end_us else None

    def between(self, start_us: int, end_us: int) -> Iterator[Campaign]:
        """Bursts that touch [start_us, end_us), in order."""
        first = max(0, (start_us - self._anchor_us) // _EVERY_US - 1)
        for number in range(first, (end_us - self._anchor_us) // _EVERY_US + 1):
            campaign = self.campaign(number)
            if campaign.start_us < end_us and campaign.end_us > start_us:
                yield campaign
