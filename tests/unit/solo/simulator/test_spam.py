from __future__ import annotations

import itertools

from services.solo.simulator.spam import SpamSchedule

MINUTE_US = 60_000_000


def test_bursts_are_short_few_handed_and_one_at_a_time() -> None:
    spam = SpamSchedule(3, 1_000)
    bursts = [spam.campaign(number) for number in range(100)]
    for burst, after in itertools.pairwise(bursts):
        assert 6 * MINUTE_US <= burst.end_us - burst.start_us <= 15 * MINUTE_US
        assert burst.end_us < after.start_us
        assert 3 <= len(burst.accounts) <= 6
        assert not set(burst.accounts) & set(after.accounts)
        assert spam.current(burst.start_us) == spam.current(burst.end_us - 1) == burst
        assert spam.current(burst.start_us - 1) is None
        assert spam.current(burst.end_us) is None
    assert list(spam.between(bursts[3].start_us, bursts[5].end_us)) == bursts[3:6]
    assert list(spam.between(0, 1_000)) == []
