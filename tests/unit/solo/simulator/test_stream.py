from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter

import pytest

from services.solo.simulator.corpus import Corpus
from services.solo.simulator.plan import Kind
from services.solo.simulator.population import LANGUAGE_SHARES
from services.solo.simulator.stream import Stream
from tests.support import jetstream
from tests.support.jetstream import CommitFrame, Create, Delete, Like, Post, Repost
from tests.unit.solo.simulator.conftest import ANCHOR_US

MINUTE_US = 60_000_000
LATE = 2_400  # a second with stories, spam, deletes and a long past


@pytest.fixture(scope="module")
def frames(stream: Stream) -> list[jetstream.Frame]:
    """Three minutes, 40 minutes into the stream."""
    return [jetstream.decode(event.frame) for second in range(LATE, LATE + 180) for event in stream.events(second)]


def posts_in(frames: list[jetstream.Frame]) -> list[tuple[str, Post]]:
    return [
        (frame.did, frame.commit.record)
        for frame in frames
        if isinstance(frame, CommitFrame) and isinstance(frame.commit, Create) and isinstance(frame.commit.record, Post)
    ]


def digest(stream: Stream, seconds: range) -> str:
    state = hashlib.sha256()
    for second in seconds:
        for event in stream.events(second):
            state.update(event.frame)
    return state.hexdigest()


def test_the_same_second_has_the_same_bytes_in_any_order_and_any_instance(corpus: Corpus) -> None:
    # given one stream read forwards and one that starts in the middle
    forwards, middle = (Stream(7, 40, ANCHOR_US, corpus) for _ in range(2))
    for second in range(0, 900, 60):
        forwards.events(second)
    # then
    assert digest(forwards, range(890, 900)) == digest(middle, range(890, 900))


@pytest.mark.parametrize(("seed", "rate", "later"), [(8, 40, 0), (7, 41, 0), (7, 40, 1)])
def test_seed_rate_and_anchor_each_change_the_stream(
    stream: Stream, corpus: Corpus, seed: int, rate: float, later: int
) -> None:
    other = Stream(seed, rate, ANCHOR_US + later, corpus)
    assert digest(other, range(LATE, LATE + 2)) != digest(stream, range(LATE, LATE + 2))


def test_another_process_makes_the_same_bytes(stream: Stream) -> None:
    script = (
        "from tests.support import texts\n"
        "from services.solo.simulator.stream import Stream\n"
        "from tests.unit.solo.simulator.test_stream import LATE, digest\n"
        f"print(digest(Stream(7, 40, {ANCHOR_US}, texts.corpus()), range(LATE, LATE + 5)))"
    )
    # when: another hash seed would show any reliance on the order of sets
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "99"}
    ).stdout
    # then
    assert output.strip() == digest(stream, range(LATE, LATE + 5))


def test_event_time_rises_strictly_and_stays_in_its_second(stream: Stream) -> None:
    last = 0
    for second in range(LATE, LATE + 120):
        start = ANCHOR_US + second * 1_000_000
        for event in stream.events(second):
            assert start <= event.time_us < start + 1_000_000
            assert event.time_us > last
            last = event.time_us


def test_every_frame_is_what_the_protocol_says(frames: list[jetstream.Frame]) -> None:
    # decoding is the test; each kind must have been there
    kinds = Counter(type(frame).__name__ for frame in frames)
    operations = Counter(type(frame.commit).__name__ for frame in frames if isinstance(frame, CommitFrame))
    assert set(kinds) == {"CommitFrame", "IdentityFrame", "AccountFrame"}
    assert set(operations) == {"Create", "Update", "Delete"}
    for frame in frames:
        if isinstance(frame, CommitFrame) and isinstance(frame.commit, Create):
            assert frame.commit.collection == frame.commit.record.__struct_config__.tag


def test_sequence_numbers_of_identity_and_account_events_rise(frames: list[jetstream.Frame]) -> None:
    numbers = [
        frame.identity.seq if isinstance(frame, jetstream.IdentityFrame) else frame.account.seq
        for frame in frames
        if not isinstance(frame, CommitFrame)
    ]
    assert numbers == sorted(set(numbers))


def test_facets_point_at_their_bytes(frames: list[jetstream.Frame]) -> None:
    tags = links = 0
    for _, post in posts_in(frames):
        raw = post.text.encode()
        assert len(raw) <= 3_000
        for facet in post.facets:
            part = raw[facet.index.byte_start : facet.index.byte_end].decode()
            feature = facet.features[0]
            if feature.tag is not None:
                assert part == f"#{feature.tag}"
                tags += not raw[: facet.index.byte_start].isascii()
            else:
                assert part == feature.uri
                links += 1
    assert tags, "some offsets must follow characters of several bytes"
    assert links


def test_posts_come_in_all_forms(frames: list[jetstream.Frame]) -> None:
    posts = [post for _, post in posts_in(frames)]
    embeds = {post.embed["$type"] for post in posts if post.embed}
    assert embeds == {"app.bsky.embed.external", "app.bsky.embed.images", "app.bsky.embed.record"}
    assert any(post.reply for post in posts)
    assert any(post.reply and post.reply.root != post.reply.parent for post in posts)
    assert any(post.labels for post in posts)
    assert any(post.tags for post in posts)
    assert any(not post.langs for post in posts)
    assert any(not post.text for post in posts)


def test_likes_reposts_replies_and_quotes_refer_to_earlier_posts(stream: Stream, frames: list[jetstream.Frame]) -> None:
    start = ANCHOR_US + LATE * 1_000_000
    born = {post.uri: post.time_us for post in stream.ledger.posts(start - 16 * MINUTE_US, start + 3 * MINUTE_US)}
    checked = 0
    for frame in frames:
        if not isinstance(frame, CommitFrame) or not isinstance(frame.commit, Create):
            continue
        match frame.commit.record:
            case Like(subject=subject) | Repost(subject=subject):
                targets = [subject.uri]
            case Post(reply=reply, embed=embed):
                targets = [reply.parent.uri] if reply else []
                targets += [embed["record"]["uri"]] if embed and "record" in embed else []
            case _:
                targets = []
        for target in targets:
            assert born[target] < frame.time_us
            checked += 1
    assert checked > 1_000


def test_deletes_remove_each_existing_record_once_and_soon(stream: Stream) -> None:
    # given twenty minutes
    born: dict[str, int] = {}
    removed: list[str] = []
    ages = []
    for event in stream.between(ANCHOR_US, ANCHOR_US + 20 * MINUTE_US):
        if event.collection not in {"app.bsky.feed.post", "app.bsky.feed.like"}:
            continue
        frame = jetstream.decode(event.frame)
        assert isinstance(frame, CommitFrame)
        if isinstance(frame.commit, Create):
            born[jetstream.uri(frame)] = frame.time_us
        # when
        elif isinstance(frame.commit, Delete):
            removed.append(jetstream.uri(frame))
            ages.append(frame.time_us - born[jetstream.uri(frame)])
    # then
    assert len(removed) > 500
    assert len(set(removed)) == len(removed)
    assert min(ages) > 0
    assert max(ages) <= 10 * MINUTE_US


def test_the_mix_is_as_designed(stream: Stream) -> None:
    counts: Counter[int] = Counter()
    for second in range(LATE, LATE + 600):
        counts.update(stream._conversation.plan(second).kind.tolist())
    total = counts.total()
    expected = {Kind.POST: 0.30, Kind.LIKE: 0.48, Kind.REPOST: 0.12, Kind.POST_DELETE: 0.02, Kind.LIKE_DELETE: 0.02}
    for kind, share in expected.items():
        assert counts[kind] / total == pytest.approx(share, abs=0.01)
    assert (counts[Kind.IDENTITY] + counts[Kind.ACCOUNT]) / total == pytest.approx(0.03, abs=0.006)


def test_the_rate_follows_the_day(corpus: Corpus) -> None:
    # given a stream that began at midnight
    stream = Stream(7, 20, ANCHOR_US - 12 * 60 * MINUTE_US, corpus)

    def volume(hour: int) -> int:
        return sum(len(stream._conversation.planner._make(hour * 3600 + second).kind) for second in range(0, 1800, 9))

    assert volume(8) / 200 == pytest.approx(20 * 0.60, rel=0.05)
    assert volume(20) / 200 == pytest.approx(20 * 1.28, rel=0.05)


@pytest.mark.parametrize("rate", [0.2, 2_000])
def test_very_low_and_highest_rates_hold(corpus: Corpus, rate: float) -> None:
    stream = Stream(7, rate, ANCHOR_US, corpus)
    seconds = 1_500 if rate < 1 else 2
    events = [event for second in range(1_000, 1_000 + seconds) for event in stream.events(second)]
    assert len(events) / seconds == pytest.approx(rate * 0.9, rel=0.35)
    for event in events:
        jetstream.decode(event.frame)


def test_languages_have_their_shares(frames: list[jetstream.Frame]) -> None:
    spoken = Counter(post.langs[0] for _, post in posts_in(frames) if post.langs)
    for language, share in LANGUAGE_SHARES.items():
        assert spoken[language] / spoken.total() == pytest.approx(share, abs=0.05)


def test_the_first_second_and_an_empty_past_work(corpus: Corpus) -> None:
    stream = Stream(7, 40, ANCHOR_US, corpus)
    frames = [jetstream.decode(event.frame) for second in range(3) for event in stream.events(second)]
    assert posts_in(frames)
    assert list(stream.between(ANCHOR_US - 10 * MINUTE_US, ANCHOR_US)) == []


def test_caches_are_bounded(corpus: Corpus) -> None:
    stream = Stream(7, 2, ANCHOR_US, corpus)
    for second in range(0, 3_000):
        stream.events(second)
    planner = stream._conversation.planner
    for cache in (stream.events, planner.plan, planner._shuffle, stream._conversation._lookbacks):
        info = cache.cache_info()
        assert info.maxsize is not None
        assert info.currsize <= info.maxsize
