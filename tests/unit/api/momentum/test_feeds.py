"""Several feeds merge by nothing more than reading them all; a recording says what its posts say."""

from __future__ import annotations

import io
import random
from itertools import pairwise

import msgspec
import numpy as np

from bench.momentum_match import Announcement, score
from bench.momentum_plant import DAY, Planting, Post
from bench.momentum_stream import START_US, Setting, Stream, encode, lines_of
from services.api.momentum.detect import detect
from services.api.momentum.engine import Engine, Tick
from tests.support.recorded import read
from tests.unit.api.momentum.streams import MINUTE, SMALL, T0, background, story

QUAKE = ("quake", "harbour", "tremor", "shaking")


def test_a_stream_split_over_two_feeds_gives_the_ticks_of_one() -> None:
    # given a stream and the same posts dealt to two feeds, the second an hour behind in delivery
    posts = sorted(background(1, 90) + story("q", QUAKE, onset=40), key=lambda o: (o.time_us, o.post))
    dealt = random.Random(3)
    feeds: tuple[list[int], list[int]] = ([], [])
    for number in range(len(posts)):
        feeds[dealt.random() < 0.4].append(number)

    def ticks(deliveries: list[list[int]]) -> list[Tick]:
        engine, told = Engine(SMALL), []
        for until, (start, end) in enumerate(pairwise(range(0, 91, 10)), 1):
            for feed in deliveries:
                low, high = T0 + start * MINUTE, T0 + end * MINUTE
                engine.observe(posts[i] for i in feed if low <= posts[i].time_us < high)
            told += engine.advance(T0 + until * 10 * MINUTE)
        return told + engine.advance(T0 + 100 * MINUTE)

    # then
    one = ticks([list(range(len(posts)))])
    assert ticks([feeds[0], feeds[1]]) == one
    assert ticks([feeds[1][::-1], feeds[0]]) == one
    assert any(tick.topics for tick in one)


def _recording() -> list[Post]:
    chance = random.Random(5)
    words = ["".join(chance.choices("abcdefghijkl", k=6)) for _ in range(1500)]
    weights = [1.0 / (i + 8) for i in range(1500)]
    posts = []
    for minute in range(70):
        for _ in range(60):
            at = START_US + minute * MINUTE + chance.randrange(MINUTE)
            posts.append(Post(at, chance.randrange(5000), " ".join(chance.choices(words, weights, k=6)), "en"))
        for _ in range(8 if minute >= 40 else 0):
            links = ("https://news.example/q",) if chance.random() < 0.3 else ()
            text = " ".join([*chance.sample(QUAKE, 3), *chance.choices(words, weights, k=3)])
            at = START_US + minute * MINUTE + chance.randrange(MINUTE)
            posts.append(Post(at, chance.randrange(5000, 90_000), text, "en", links))
    posts.sort(key=lambda post: post.time_us)
    posts[100].gone_us = posts[100].time_us + MINUTE
    return posts


def test_detect_over_a_recording_agrees_with_the_score_harness() -> None:
    posts = _recording()
    out = io.StringIO()
    detect(read(lines_of(posts)), out, SMALL, include_provisional=True)
    told = [msgspec.json.decode(line) for line in out.getvalue().splitlines()]

    engine, ticks = Engine(SMALL), []
    for minute, observed, deleted in encode(Setting(1, minutes=70), posts, [], (0, 0)).minutes():
        engine.observe(observed)
        engine.retract(deleted)
        ticks += engine.advance(START_US + minute * MINUTE)
    ticks += engine.advance(START_US + 75 * MINUTE)
    ours = [(d.time_us, d.topic, list(d.terms), d.score) for tick in ticks for d in tick.detections]
    assert [(d["time_us"], d["topic"], d["terms"], d["score"]) for d in told] == ours
    assert ours


def test_a_detection_is_matched_to_the_event_whose_words_it_names() -> None:
    # given one event, one show, and four stories announced in the second day
    event = Planting(0, "event", "quake", DAY + 10, DAY + 50, {"quake", "harbour"}, {"quake"}, posts=3, peak=DAY + 30)
    show = Planting(1, "recurring", "show", 0, 2 * DAY, {"stage", "singer"}, {"stage"}, posts=3)
    times = START_US + MINUTE * np.array([DAY + 10, DAY + 15, DAY + 40], dtype=np.int64)
    nothing = np.zeros(3, dtype=np.int64)
    stream = Stream(
        Setting(1, minutes=2 * DAY), times, nothing, nothing, ["en"], nothing, nothing, nothing, nothing, [], [],
        [event, show], (0, 0),
    )  # fmt: skip

    def said(minute: int, story: str, *terms: str) -> Announcement:
        return Announcement(START_US + (DAY + minute) * MINUTE, story, terms)

    told = [said(20, "a", "quake", "x"), said(45, "a", "quake"), said(30, "b", "stage"), said(300, "c", "quake")]
    result = score(stream, [*told, said(-5, "d", "quake")])
    # then it was found once, five minutes before its third post, and two stories were wrong
    assert (result.found, result.events, result.stories, result.announcements) == (1, 1, 1, 2)
    assert result.false_alarms == {"recurring": 1, "noise": 1}
    assert (result.delays, result.seen, result.before_peak) == ((10.0,), (2,), 1)
