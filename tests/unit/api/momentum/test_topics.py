"""A topic's life: identity, figures that go out, growth, decay, return, and the bounds."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.momentum.engine import Engine, Tick
from services.api.momentum.explain import distinct_texts, label_of, onset, whole_words, why_of
from services.api.momentum.sketch import DecayedCounts
from services.api.momentum.topics import Registry
from tests.unit.api.momentum.streams import MINUTE, SMALL, T0, background, run, story, topic_ids

QUAKE = ("quake", "harbour", "tremor", "shaking")


@pytest.fixture(scope="module")
def life() -> list[Tick]:
    return run(background(1, 130) + story("q", QUAKE, onset=30, minutes=40, peak=12))


def test_a_topic_rises_peaks_fades_and_ends_under_one_id(life: list[Tick]) -> None:
    [topic] = topic_ids(life)
    statuses = list(dict.fromkeys(t.status for tick in life for t in tick.topics))
    assert statuses[:3] == ["emerging", "rising", "peaking"]
    assert statuses[-1] == "fading"
    peaks = [(t.peak_us, t.peak_posts, t.decay) for tick in life for t in tick.topics]
    assert 30 + 14 <= (peaks[-1][0] - T0) // MINUTE <= 30 + 28
    assert peaks[-1][1] == max(posts for _, posts, _ in peaks) >= 60
    assert peaks[-1][2] >= 0.5
    ended = [(tick.minute_us - T0) // MINUTE for tick in life if topic in tick.ended]
    assert len(ended) == 1
    assert 70 <= ended[0] <= 100
    assert not any(tick.topics for tick in life if tick.minute_us > T0 + ended[0] * MINUTE)


def test_assignments_and_minutes_cover_the_story_from_its_onset(life: list[Tick]) -> None:
    assigned = [post for tick in life for _, post, _ in tick.assignments]
    planted = [o.post for o in story("q", QUAKE, onset=30, minutes=40, peak=12) if o.time_us < T0 + 65 * MINUTE]
    assert len(assigned) == len(set(assigned))
    assert set(planted) <= set(assigned)
    minutes = [m for tick in life for m in tick.minutes]
    assert len({m.minute_us for m in minutes}) == len(minutes)
    assert sum(m.posts for m in minutes) == len(assigned)


def test_the_story_is_announced_once_and_again_only_when_grown(life: list[Tick]) -> None:
    detections = [d for tick in life for d in tick.detections]
    states = {tick.minute_us + MINUTE: {t.id: t for t in tick.topics} for tick in life}
    posts = [states[d.time_us][d.topic_id].posts_hour for d in detections]
    assert 1 <= len(posts) <= 2
    assert all(later >= SMALL.regrowth * earlier for earlier, later in pairwise(posts))


def test_representatives_are_the_earliest_and_three_of_distinct_authors(life: list[Tick]) -> None:
    authors = {o.post: o.author for o in story("q", QUAKE, onset=30, minutes=40, peak=12)}
    shown = next(t for t in life[45].topics).representatives
    assert len(shown) == 4
    assert len({authors[post] for post in shown}) == 4


def test_a_topic_that_returns_is_the_same_and_not_news() -> None:
    first = story("one", QUAKE, onset=30, minutes=20, peak=20)
    second = story("two", QUAKE, onset=100, minutes=20, peak=20)
    ticks = run(background(1, 130) + first + second)
    assert len(topic_ids(ticks)) == 1
    assert sum(len(tick.ended) for tick in ticks) >= 1
    assert sum(len(tick.detections) for tick in ticks) == 1


def test_everything_is_bounded() -> None:
    # given far more posts, words and topics than the bounds allow
    config = msgspec.structs.replace(
        SMALL, posts_per_minute=60, ring_terms=1_000, live_topics=2, pending_minutes=5, tombstones=10, candidates=8
    )
    engine = Engine(config)
    stories = [o for i in range(6) for o in story(f"s{i}", [f"s{i}w{j}" for j in range(4)], onset=30, peak=20)]
    ticks = run(background(1, 70) + stories, engine)
    engine.observe(background(2, 50, start=71))
    engine.retract(f"unknown{i}" for i in range(100))
    # then
    assert max(len(tick.topics) for tick in ticks) <= 2
    assert sum(len(block.posts) for block in engine.ring.live()) <= 60 * 60
    assert len(engine.ring.vocabulary) <= 1_000
    assert len(engine.intake.open) <= 5
    assert all(len(held.posts) <= 60 for held in engine.intake.open.values())
    assert len(engine.intake.tombstones) <= 10
    assert len(engine.intake.known) <= 5 * 60
    assert engine.drops.early > 0
    # and the figures still speak of all posts, not of the sample
    assert ticks[40].posts > 60


def test_the_ring_forgets_what_left_it() -> None:
    engine = Engine(SMALL)
    run(background(1, 30), engine)
    run(background(2, 70, start=200, words=("only", "these", "words")), engine)
    vocabulary = engine.ring.vocabulary
    assert {vocabulary.names[number] for number in vocabulary.index.values.tolist()} == {"only", "these", "words"}
    assert len(engine.ring.index) == sum(len(b.posts) for b in engine.ring.live())
    assert int(engine.ring.copies.table.sum()) == sum(len(b.posts) for b in engine.ring.live())
    for window, length in enumerate(SMALL.windows):
        held = [b for b in engine.ring.live() if b.minute > engine.intake.closed - length]
        assert engine.ring.counts[window].sum() == sum(int(b.counts.sum()) for b in held)


def test_labels_join_what_belongs_together() -> None:
    assert whole_words(["緊急", "急地", "地震", "震速", "速報", "東京"]) == ["緊急地震速報", "東京"]
    assert whole_words(["大地震", "大地", "地震"]) == ["大地震"]
    assert label_of(["#lisbon", "lisbon", "quake", "news.example/a", "tram", "fire", "sea"]) == (
        "Lisbon · quake · tram · fire"
    )


def test_a_label_takes_tags_and_pages_only_when_words_say_too_little() -> None:
    assert label_of(["#lisbonquake", "lisbon", "news.example/a"]) == "#lisbonquake"
    assert label_of(["#lisbon", "#quake"]) == "#lisbon · #quake"
    assert label_of(["near", "tram", "entre", "quake"]) == "Tram · quake"
    assert label_of(["news.example/a", "news.example"]) == "news.example/a"


def test_the_evidence_reads_as_a_sentence() -> None:
    assert why_of(214, 180, 6.0, 10, 38) == ("214 posts by 180 people in 10 minutes, usually 6; began 38 minutes ago.")
    assert why_of(1, 1, 0.2, 60, 1) == "1 post by one person in an hour, usually fewer than one; began 1 minute ago."


def test_the_onset_is_where_the_run_began_not_the_first_stray_post() -> None:
    minutes = np.zeros(60, dtype=np.int64)
    minutes[3] = 1
    minutes[40:] = 2
    assert onset(minutes, usual=0.01) == 40
    assert onset(np.zeros(60, dtype=np.int64), usual=0.0) == 59


def test_near_texts_count_once() -> None:
    prints = np.array([0, 1, 3, -1, -2, 1 << 40 | 0xFFFFF], dtype=np.int64)
    assert distinct_texts(prints, near_bits=8) == 3


@given(st.lists(st.integers(0, 2**64 - 1), unique=True, min_size=1, max_size=50), st.integers(1, 5))
def test_a_sketch_never_counts_too_little(hashes: list[int], times: int) -> None:
    sketch = DecayedCounts(bits=6, halflife_minutes=10)
    keys = np.array(hashes, dtype=np.uint64)
    for _ in range(times):
        sketch.add(100, keys, np.ones(len(keys)), 10.0)
    counts, total = sketch.estimate(100, keys)
    assert (counts >= times - 1e-6).all()
    assert total == 10.0 * times
    later, _ = sketch.estimate(110, keys)
    np.testing.assert_allclose(later, counts / 2)


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ({"quake": 9.0, "tremor": 5.0, "rescue": 3.0}, True),
        ({"rescue": 9.0, "quake": 5.0, "tremor": 3.0}, True),
        ({"flood": 9.0, "harbour": 5.0, "evacuated": 3.0}, False),
    ],
    ids=["told again", "another word first", "another story in the same words"],
)
def test_a_story_comes_back_under_its_id_and_another_in_its_words_does_not(words: dict[str, float], same: bool) -> None:
    registry = Registry(SMALL)
    first = registry.open(10, 10 * MINUTE, {"quake": 8.0, "tremor": 4.0, "harbour": 3.0, "evacuated": 2.0}, False)
    assert first is not None
    registry.end(70, first.id)
    again = registry.open(90, 90 * MINUTE, words, False)
    assert again is not None
    assert (again.id == first.id) is same
