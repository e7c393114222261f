from __future__ import annotations

from collections import Counter, defaultdict

from services.solo.simulator.stream import Stream
from tests.support import jetstream
from tests.support.jetstream import CommitFrame, Create, Delete, Like, Post, Repost
from tests.unit.solo.simulator.conftest import ANCHOR_US

MINUTE_US = 60_000_000


def test_the_ledger_is_exactly_what_the_frames_say(stream: Stream) -> None:
    # given a window that begins and ends within a second
    start, end = ANCHOR_US + 25 * MINUTE_US + 123_456, ANCHOR_US + 28 * MINUTE_US + 654_321
    seen: dict[str, list[object]] = defaultdict(list)
    # when
    for event in stream.between(start, end):
        frame = jetstream.decode(event.frame)
        assert start <= frame.time_us < end
        match frame:
            case CommitFrame(commit=Create(record=Post())):
                seen["posts"].append((jetstream.uri(frame), frame.did, frame.time_us))
            case CommitFrame(commit=Create(record=Like(subject=subject))):
                seen["likes"].append((jetstream.uri(frame), subject.uri))
            case CommitFrame(commit=Create(record=Repost(subject=subject))):
                seen["reposts"].append((jetstream.uri(frame), subject.uri))
            case CommitFrame(commit=Delete(collection=collection)):
                seen[collection].append(jetstream.uri(frame))
    # then
    ledger = stream.ledger
    assert [(p.uri, p.author, p.time_us) for p in ledger.posts(start, end)] == seen["posts"]
    assert list(ledger.likes(start, end)) == seen["likes"]
    assert list(ledger.reposts(start, end)) == seen["reposts"]
    assert list(ledger.deletes(start, end)) == seen["app.bsky.feed.post"]
    assert list(ledger.unlikes(start, end)) == seen["app.bsky.feed.like"]


def test_posts_of_a_story_tell_it_and_no_others_do(stream: Stream) -> None:
    start, end = ANCHOR_US + 20 * MINUTE_US, ANCHOR_US + 40 * MINUTE_US
    texts = {}
    for event in stream.between(start, end):
        if event.collection == "app.bsky.feed.post":
            frame = jetstream.decode(event.frame)
            if isinstance(frame, CommitFrame) and isinstance(frame.commit, Create):
                assert isinstance(frame.commit.record, Post)
                texts[jetstream.uri(frame)] = frame.commit.record.text
    for post in stream.ledger.posts(start, end):
        telling = {key for key in STORY_KEYS if f"{key}ville" in texts[post.uri].lower()}
        assert telling == ({post.story} if post.story else set())


STORY_KEYS = ("blackout", "derby", "comet", "strike", "festival", "storm", "launch", "bakery")


def test_stories_are_visible_in_the_counts_where_the_truth_says(stream: Stream) -> None:
    # given all of one hour
    end = ANCHOR_US + 75 * MINUTE_US
    posts = list(stream.ledger.posts(ANCHOR_US, end))
    minutes = Counter((post.time_us - ANCHOR_US) // MINUTE_US for post in posts)
    stories = [story for story in stream.truth(ANCHOR_US, end) if story.end_us <= end]
    assert len(stories) >= 3
    for story in stories:
        told = [p for p in posts if p.story == story.key and story.onset_us <= p.time_us < story.end_us]
        # then: nothing outside its time, distinct authors, and the planted share at its peak
        strays = [p for p in posts if p.story == story.key and p.time_us < story.onset_us]
        assert not strays
        assert len({p.author for p in told}) > 0.9 * len(told)
        peak = range((story.peak_us - ANCHOR_US) // MINUTE_US - 4, (story.peak_us - ANCHOR_US) // MINUTE_US + 4)
        at_peak = sum((p.time_us - ANCHOR_US) // MINUTE_US in peak for p in told)
        expected = story.peak_share * sum(minutes[minute] for minute in peak)
        assert abs(at_peak - expected) < 4 * expected**0.5 + 0.1 * expected


def test_the_truth_names_terms_languages_and_times(stream: Stream) -> None:
    for story in stream.truth(ANCHOR_US, ANCHOR_US + 60 * MINUTE_US):
        assert story.terms == [story.key, f"{story.key}ville"]
        assert "en" in story.languages
        assert story.onset_us < story.peak_us < story.end_us


def test_spam_comes_from_few_accounts_with_nearly_the_same_words(stream: Stream) -> None:
    # given the first burst
    burst = next(iter(stream.ledger.spam(ANCHOR_US, ANCHOR_US + 60 * MINUTE_US)))
    spam = [post for post in stream.ledger.posts(burst.start_us, burst.end_us) if post.spam]
    # then
    assert len(spam) > 10 * len({post.author for post in spam})
    assert len({post.author for post in spam}) <= 6
    assert all(post.story is None for post in spam)
    uris = {post.uri for post in spam}
    texts = []
    for event in stream.between(burst.start_us, burst.end_us):
        if event.collection == "app.bsky.feed.post":
            frame = jetstream.decode(event.frame)
            assert isinstance(frame, CommitFrame)
            if jetstream.uri(frame) in uris and isinstance(frame.commit, Create):
                assert isinstance(frame.commit.record, Post)
                texts.append(frame.commit.record.text)
    assert len({text.split()[1] for text in texts}) == 1, "one template"
    assert len(set(texts)) > 0.9 * len(texts), "but changed numbers and links"
