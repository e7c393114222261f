"""How far event time has come over several feeds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from services.api.momentum.following import CHUNK_US, chunks
from services.api.momentum.watermark import MINUTE_US, SPAN_US, Reach, furthest_behind, watermark
from shared.store.momentum import PostSeen


def reach(minutes: int, *, drained: bool = True, silent: bool = False) -> Reach:
    return Reach(minutes * MINUTE_US, drained, silent)


def test_without_feeds_nothing_is_known() -> None:
    assert watermark({}) is None


def test_the_slowest_feed_that_moves_decides() -> None:
    assert watermark({"a": reach(10), "b": reach(7)}) == 7 * MINUTE_US


def test_a_silent_feed_is_left_out_once_it_is_read_to_its_end() -> None:
    assert watermark({"a": reach(10), "b": reach(7, silent=True)}) == 10 * MINUTE_US
    assert watermark({"a": reach(10), "b": reach(7, silent=True, drained=False)}) == 7 * MINUTE_US


def test_when_all_are_silent_the_newest_decides() -> None:
    assert watermark({"a": reach(10, silent=True), "b": reach(7, silent=True)}) == 10 * MINUTE_US


def test_a_feed_far_behind_that_has_no_more_does_not_hold_the_others() -> None:
    assert watermark({"a": reach(500), "b": reach(7)}) == 500 * MINUTE_US
    assert watermark({"a": reach(500), "b": reach(0, drained=False)}) == 0
    assert watermark({"a": reach(60), "b": Reach(60 * MINUTE_US - SPAN_US, True, False)}) == 0


def test_the_feed_furthest_behind_is_read_next() -> None:
    assert furthest_behind({"a": reach(3, drained=False), "b": reach(2, drained=False), "c": reach(1)}) == "b"
    assert furthest_behind({"a": reach(3)}) is None


@given(some.lists(some.integers(0, 10 * CHUNK_US), max_size=50))
def test_chunks_are_the_posts_in_order_and_short_in_event_time(times: list[int]) -> None:
    posts = [
        PostSeen(seq=n, id="", time_us=t, author=0, terms=[], fingerprint=0, language="") for n, t in enumerate(times)
    ]
    found = list(chunks(posts))
    assert [post for chunk in found for post in chunk] == posts
    assert all(max(post.time_us for post in chunk) - chunk[0].time_us <= CHUNK_US for chunk in found)
