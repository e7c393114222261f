from __future__ import annotations

import itertools

import pytest

from services.solo.simulator.corpus import LANGUAGES, Corpus
from services.solo.simulator.stories import PlantedStory, Schedule

MINUTE_US = 60_000_000
ANCHOR_US = 1_789_992_000_000_000


@pytest.fixture
def schedule(corpus: Corpus) -> Schedule:
    return Schedule(7, ANCHOR_US, corpus.stories, LANGUAGES)


def test_a_new_story_starts_every_six_to_ten_minutes_forever(schedule: Schedule) -> None:
    onsets = [schedule.planted(number).onset_us for number in (*range(300), 1_000_000, 1_000_001)]
    gaps = [b - a for a, b in itertools.pairwise(onsets)]
    gaps.pop(299)  # the jump ahead
    assert all(6 * MINUTE_US <= gap <= 10 * MINUTE_US for gap in gaps)


def test_one_rises_one_peaks_one_fades_at_any_time_after_the_first_hour(schedule: Schedule) -> None:
    for minute in range(60, 600):
        now = ANCHOR_US + minute * MINUTE_US
        stages = {stage(story, now) for story in schedule.between(now, now + 1)}
        assert stages == {"rising", "peaking", "fading"}, f"minute {minute}"


def stage(story: PlantedStory, now: int) -> str:
    if now < story.peak_us - 5 * MINUTE_US:
        return "rising"
    return "peaking" if now < story.peak_us + 5 * MINUTE_US else "fading"


def test_a_story_returns_only_after_all_others_and_never_overlaps_itself(schedule: Schedule, corpus: Corpus) -> None:
    told = [schedule.planted(number) for number in range(3 * len(corpus.stories))]
    for round_start in range(0, len(told), len(corpus.stories)):
        keys = [story.key for story in told[round_start : round_start + len(corpus.stories)]]
        assert len(set(keys)) == len(corpus.stories)
    for earlier in told:
        for later in told:
            if earlier.key == later.key and earlier.number < later.number:
                assert earlier.end_us <= later.onset_us


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_stories_are_told_faster_rather_than_overlap(corpus: Corpus, count: int) -> None:
    schedule = Schedule(7, ANCHOR_US, corpus.stories[:count], LANGUAGES)
    for number in range(50):
        assert schedule.planted(number).end_us <= schedule.planted(number + count).onset_us


def test_a_story_grows_to_its_peak_share_and_fades_away(schedule: Schedule) -> None:
    for number in range(20):
        story = schedule.planted(number)
        assert 0.01 <= story.peak_share <= 0.08

        def share(time_us: int, number: int = number) -> float:
            return sum(now.share for now in schedule.current(time_us) if now.number == number)

        assert share(story.onset_us - 1) == share(story.end_us) == 0
        rise = [share(story.onset_us + minute * MINUTE_US) for minute in range(11)]
        fall = [share(story.end_us - minute * MINUTE_US) for minute in range(1, 15)]
        assert rise == sorted(rise)
        assert fall == sorted(fall)
        assert share(story.peak_us) == pytest.approx(story.peak_share, rel=0.01)


def test_of_three_stories_in_a_row_one_is_big(schedule: Schedule) -> None:
    shares = [schedule.planted(number).peak_share for number in range(200)]
    assert all(max(shares[place : place + 3]) > 0.03 for place in range(198))


def test_texts_move_from_early_to_late(schedule: Schedule) -> None:
    story = schedule.planted(4)
    moments = range(story.onset_us, story.end_us, MINUTE_US)
    phases = [schedule.phase(story, moment) for moment in moments]
    assert list(dict.fromkeys(phases)) == ["early", "mid", "late"]
