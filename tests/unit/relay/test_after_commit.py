"""The stages after the commit: they fail, lag and recover without touching what is stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from services.relay.events import NewPost
from services.relay.pipeline.publish import SAMPLE, PublishStage
from shared.contracts.addresses import post_address
from shared.errors import BrokerUnavailable
from shared.schemas.live import Message, Posts, PostsDeleted
from tests.support.embed_stage import Stage
from tests.support.waiting import until
from tests.support.wire import T0


@pytest.fixture
def embed() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.stage.stop()


def test_pending_posts_are_embedded_newest_first_in_bounded_batches(embed: Stage) -> None:
    embed.pending.add(100)
    embed.stage.start()
    until(lambda: not embed.pending.posts)
    assert len(embed.index.entries) == 100
    assert {(entry.author, entry.linked) for entry in embed.index.entries.values()} == {(n, True) for n in range(100)}
    assert sorted(embed.embedder.embedded) == sorted(f"text {n}" for n in range(100))
    assert 32 <= embed.pending.most_taken <= 256
    assert embed.states == {"embedding": "ok", "vectors": "ok"}


def test_a_post_deleted_while_its_vector_was_made_has_none(embed: Stage) -> None:
    embed.pending.add(3)
    gone = embed.pending.posts[1].id
    embed.pending.gone.add(gone)
    embed.stage.start()
    until(lambda: not embed.pending.posts)
    assert gone not in embed.index.entries
    assert len(embed.index.entries) == 2


def test_a_broken_model_leaves_posts_pending_and_recovers(embed: Stage) -> None:
    embed.embedder.broken = True
    embed.pending.add(3)
    embed.stage.start()
    until(lambda: embed.states.get("embedding") == "degraded")
    assert len(embed.pending.posts) == 3
    embed.embedder.broken = False
    until(lambda: not embed.pending.posts)
    assert embed.states["embedding"] == "ok"


def test_deletions_wait_for_an_index_that_is_away(embed: Stage) -> None:
    gone = uuid4()
    embed.index.away = True
    embed.pending.removals = [gone]
    embed.stage.start()
    until(lambda: embed.states.get("vectors") == "degraded")
    embed.index.away = False
    until(lambda: embed.index.deleted == [gone])
    until(lambda: not embed.pending.removals)


def test_without_a_model_meaning_is_off_and_nothing_is_taken(embed: Stage) -> None:
    embed.embedder.available, embed.embedder.turned_off = False, True
    embed.pending.add(3)
    embed.stage.start()
    until(lambda: embed.states == {"embedding": "off", "vectors": "off"})
    embed.stage.wake()
    # what must not have a vector loses it all the same
    embed.pending.removals = [uuid4()]
    until(lambda: not embed.pending.removals)
    assert len(embed.pending.posts) == 3


def test_a_model_that_failed_to_load_is_filled_in_when_it_returns(embed: Stage) -> None:
    embed.embedder.available = False
    embed.pending.add(3)
    embed.stage.start()
    until(lambda: embed.states.get("embedding") == "degraded")
    until(lambda: "off" in (embed.reasons["embedding"] or ""))
    assert len(embed.pending.posts) == 3
    embed.embedder.available = True
    until(lambda: not embed.pending.posts)
    until(lambda: embed.states["embedding"] == "ok")


def test_a_new_post_waits_for_one_batch_however_many_are_behind(embed: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.relay.pipeline.embed.MOST_BATCH_POSTS", 32)
    embed.pending.add(400)
    fresh: list[int] = []

    def look(text: str) -> None:
        # while the third batch of the backlog is embedded, a post comes in
        if len(embed.embedder.embedded) == 64 and not fresh:
            embed.pending.add(1, "fresh")
            embed.stage.wake()
            fresh.append(len(embed.embedder.embedded))

    embed.embedder.before = look
    embed.stage.start()
    until(lambda: not embed.pending.posts)
    assert fresh == [64]
    assert 64 < embed.embedder.embedded.index("fresh 0") <= 64 + 2 * 32


def test_a_backlog_goes_through_the_model_sorted_by_length(embed: Stage) -> None:
    embed.pending.add(50, "a much longer text than the others, which")
    embed.pending.add(50)
    embed.stage.start()
    until(lambda: not embed.pending.posts)
    lengths = [len(text) for text in embed.embedder.embedded]
    assert lengths == sorted(lengths)


def test_a_text_that_the_model_refuses_keeps_nobody_from_their_vector(embed: Stage) -> None:
    embed.pending.add(1, "poison")
    embed.pending.add(5)
    embed.embedder.refuses = "poison 0"
    embed.stage.start()
    until(lambda: not embed.pending.posts)
    assert len(embed.index.entries) == 5


class FakePublisher:
    def __init__(self) -> None:
        self.away = False
        self.messages: list[Message] = []
        self.attempts = 0
        self.gate = threading.Event()
        self.gate.set()

    def publish(self, message: Message) -> str:
        self.gate.wait(10)
        self.attempts += 1
        if self.away:
            raise BrokerUnavailable("Valkey did not take a live message.")
        self.messages.append(message)
        return "1-0"


def new_post(number: int) -> NewPost:
    uri = f"at://did:plc:a/app.bsky.feed.post/{number}"
    key = uuid4().bytes
    return NewPost(id=key, uri=uri, author="did:plc:a", author_hash=1, time_us=T0 + number, text=f"post {number}")


@pytest.fixture
def live() -> Iterator[tuple[FakePublisher, PublishStage, list[str]]]:
    publisher, said = FakePublisher(), list[str]()
    stage = PublishStage(publisher, lambda state, _reason: said.append(state))
    yield publisher, stage, said
    publisher.gate.set()
    stage.stop()


def test_a_burst_is_one_sample_that_says_how_many_there_were(
    live: tuple[FakePublisher, PublishStage, list[str]],
) -> None:
    publisher, stage, _ = live
    for start in range(0, 5_000, 100):
        stage.posts("main", [new_post(n) for n in range(start, start + 100)])
    stage.start()
    [message] = until(lambda: publisher.messages)
    assert isinstance(message, Posts)
    assert (message.total, len(message.posts)) == (5_000, SAMPLE)
    assert [post.text for post in message.posts] == [f"post {n}" for n in range(4_980, 5_000)]
    assert message.posts[0].url is None, "this author is no account of a form we know"


def test_a_post_deleted_before_it_was_sent_is_not_shown(
    live: tuple[FakePublisher, PublishStage, list[str]],
) -> None:
    publisher, stage, _ = live
    shown, gone = new_post(1), new_post(2)
    stage.posts("main", [shown, gone])
    shown_id, gone_id = UUID(bytes=shown.id), UUID(bytes=gone.id)
    stage.deleted([gone_id])
    stage.start()
    until(lambda: len(publisher.messages) == 2)
    assert isinstance(publisher.messages[0], Posts)
    assert [post.id for post in publisher.messages[0].posts] == [str(shown_id)]
    assert publisher.messages[1] == PostsDeleted(posts=[str(gone_id)])


def test_valkey_away_is_said_once_it_fails_and_taken_back_when_it_works(
    live: tuple[FakePublisher, PublishStage, list[str]],
) -> None:
    publisher, stage, said = live
    publisher.away = True
    stage.start()
    stage.posts("main", [new_post(1)])
    until(lambda: said == ["degraded"])
    publisher.away = False
    stage.posts("main", [new_post(2)])
    until(lambda: said[-1] == "ok")
    assert [message.total for message in publisher.messages if isinstance(message, Posts)] == [1]


def test_who_offers_never_waits_for_valkey(live: tuple[FakePublisher, PublishStage, list[str]]) -> None:
    publisher, stage, _ = live
    publisher.gate.clear()
    stage.start()
    for number in range(1_000):
        stage.posts("main", [new_post(number)])
    assert publisher.messages == []
    publisher.gate.set()
    until(lambda: sum(message.total for message in publisher.messages if isinstance(message, Posts)) == 1_000)


@pytest.mark.parametrize("uri", ["https://evil.example/x", "at://did:plc:a/app.bsky.feed.like/1", "", "javascript:1"])
def test_only_posts_have_an_address(uri: str) -> None:
    assert post_address(uri) is None
