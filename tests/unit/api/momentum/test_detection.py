"""What becomes a topic, and how soon; what never does."""

from __future__ import annotations

import math
import random
import re

import msgspec
import pytest

from services.api.momentum.engine import Engine, Observation
from tests.unit.api.momentum.streams import MINUTE, SMALL, T0, background, detected, run, story, topic_ids

QUAKE = ("quake", "harbour", "tremor", "shaking")


def test_a_story_is_found_within_minutes_and_few_posts_with_its_evidence() -> None:
    posts = story("q", QUAKE, onset=40)
    ticks = run(background(1, 70) + posts)

    at, label = detected(ticks)[0]
    seen = sum(post.time_us < T0 + at * MINUTE for post in posts)
    assert at <= 40 + 8
    assert seen <= 30
    assert set(label.lower().split(" · ")) == set(QUAKE)
    assert len(topic_ids(ticks)) == 1

    first = next(topic for tick in ticks for topic in tick.topics)
    assert first.provisional
    assert 38 <= (first.began_us - T0) // MINUTE <= 43
    assert first.posts_hour == seen
    assert re.match(r"\d+ posts by \d+ people in (10 minutes|30 minutes|an hour), usually fewer than one;", first.why)
    assert first.languages == ("en",)


@pytest.mark.parametrize("seed", range(2, 4))
def test_an_ordinary_stream_has_no_topics(seed: int) -> None:
    assert topic_ids(run(background(seed, 70))) == []


def test_a_surge_of_everything_is_no_topic() -> None:
    ticks = run(background(5, 70, rate=lambda minute: 300.0 if 40 <= minute < 60 else 100.0))
    assert topic_ids(ticks) == []


def test_the_rhythm_of_the_day_is_no_topic() -> None:
    ticks = run(background(6, 80, rate=lambda minute: 100.0 * (1 + 0.6 * math.sin(minute / 30))))
    assert topic_ids(ticks) == []


def test_one_loud_account_is_no_topic() -> None:
    assert topic_ids(run(background(1, 70) + story("loud", QUAKE, onset=40, peak=30, authors=[77]))) == []


def test_a_few_loud_accounts_are_no_topic() -> None:
    loud = story("loud", QUAKE, onset=40, peak=30, authors=range(8))
    assert topic_ids(run(background(1, 70) + loud)) == []


def test_one_text_pasted_by_many_accounts_is_no_topic() -> None:
    pasted = story("spam", QUAKE, onset=40, peak=30, prints=[1 << 40, 12345])
    assert topic_ids(run(background(1, 70) + pasted)) == []


def test_four_texts_pasted_by_many_accounts_are_no_topic() -> None:
    pasted = story(
        "spam4", QUAKE, onset=40, minutes=30, peak=6, prints=[111111 << 20, 222222 << 30, 33333333, 98765432 << 17]
    )
    assert topic_ids(run(background(1, 70) + pasted)) == []


def test_near_duplicates_by_many_accounts_are_no_topic() -> None:
    # given a campaign of forty texts that differ from each other by a word
    base = random.Random(9).getrandbits(62)
    prints = [base ^ (1 << bit) ^ (1 << (bit * 7 % 62)) for bit in range(40)]
    assert topic_ids(run(background(1, 70) + story("spam", QUAKE, onset=40, peak=30, prints=prints))) == []


def test_nothing_is_said_before_the_baseline_has_its_first_minutes() -> None:
    ticks = run(background(10, 40) + story("early", QUAKE, onset=5, minutes=30, peak=20))
    assert all(not tick.topics for tick in ticks[: SMALL.provisional_after_minutes - 1])


def test_two_stories_at_once_stay_apart_although_they_share_a_word() -> None:
    first = story("one", ("breaking", "quake", "tremor", "harbour"), onset=40)
    second = story("two", ("breaking", "goal", "final", "penalty"), onset=42)
    ticks = run(background(1, 70) + first + second)
    labels = [{*label.lower().split(" · ")} - {"breaking"} for _, label in detected(ticks)]
    assert len(topic_ids(ticks)) == 2
    assert all(label <= {"quake", "tremor", "harbour"} or label <= {"goal", "final", "penalty"} for label in labels)


def test_a_story_told_in_two_languages_under_one_tag_is_one_topic() -> None:
    english = story("en", ("quake", "tremor", "#lisbonquake"), onset=40, peak=12)
    portuguese = story("pt", ("terremoto", "tremendo", "#lisbonquake"), onset=41, peak=12, language="pt")
    ticks = run(background(1, 70) + english + portuguese)
    last = ticks[60].topics
    assert len(last) == 1
    assert {"quake", "terremoto", "#lisbonquake"} <= set(last[0].terms)
    assert set(last[0].languages) == {"en", "pt"}


def test_a_loud_language_does_not_hide_a_quiet_one() -> None:
    # given a story with hundreds of words in one language and a small one in another
    loud = [
        post for i in range(15) for post in story(f"l{i}", [f"loud{i}x{j}" for j in range(4)], onset=40, language="ja")
    ]
    config = msgspec.structs.replace(SMALL, candidates=12)
    ticks = run(background(1, 70) + loud + story("quiet", QUAKE, onset=40, peak=8), Engine(config))
    assert any("quake" in topic.terms for tick in ticks for topic in tick.topics)


def test_a_single_word_needs_stronger_evidence_than_two() -> None:
    pair = run(background(1, 70) + story("pair", ("quake", "tremor"), onset=40, peak=4))
    alone = run(background(1, 70) + story("alone", ("quake",), onset=40, peak=4))
    assert detected(pair)[0][0] < detected(alone)[0][0]


def test_deleted_posts_end_the_topic_they_made() -> None:
    # given a topic made of posts that are then deleted
    posts = story("q", QUAKE, onset=40, minutes=40)
    engine = Engine(SMALL)
    ticks = run([p for p in background(1, 70) + posts if p.time_us < T0 + 60 * MINUTE], engine, until=60)
    assert ticks[-1].topics
    # when
    engine.retract([post.post for post in posts])
    after = run(background(16, 5, start=60), engine)
    # then
    assert after[0].topics == []
    assert after[0].ended == [ticks[-1].topics[0].id]


def test_a_delete_that_overtakes_its_post_still_counts() -> None:
    engine = Engine(SMALL)
    posts = story("q", QUAKE, onset=40)
    engine.retract([post.post for post in posts])
    assert topic_ids(run(background(1, 70) + posts, engine)) == []


def test_a_story_that_outlives_the_warm_up_is_confirmed_once() -> None:
    # given a baseline that has seen a whole day only once its lag has passed too
    config = msgspec.structs.replace(SMALL, warmup_minutes=50, lag_minutes=20)
    ticks = run(background(1, 80) + story("q", QUAKE, onset=35, minutes=60), Engine(config), until=75)
    found = [d for tick in ticks for d in tick.detections]
    assert [d.provisional for d in found[:2]] == [True, False]
    assert (found[1].time_us - T0) // MINUTE == 70
    at = next(tick for tick in ticks if tick.minute_us == T0 + 70 * MINUTE)
    assert not at.topics[0].provisional


def test_a_batch_of_observations_may_hold_no_terms_at_all() -> None:
    empty = [Observation(T0 + i * MINUTE, f"e{i}", i, (), 0, "") for i in range(40)]
    assert len(run(empty)) == 40
