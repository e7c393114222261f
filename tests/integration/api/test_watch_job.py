"""Watches on the real store: judged in event time, told once through kills, and the same in a backtest."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from services.api.operations.watch_queries import BacktestInput
from services.api.watches.backtest import Backtester
from services.api.watches.judged import Followed
from services.api.watches.minutes import minute_of
from shared.errors import FencedError
from shared.schemas.backtest import Backtest
from shared.schemas.watch import Meaning, Threshold, WatchRule
from shared.schemas.watch import Words as RuleWords
from shared.store import watch_judging
from shared.store import watches as watch_store
from shared.store.database import Command, Database, Statement
from shared.store.watches import Count
from shared.vectors.index import Entry
from tests.support import cold, records
from tests.support.watches import BEGAN, MINUTE, Judging, Words, alerts, minute_after, put, save

TEA = RuleWords(any=["tea"])


@pytest.fixture(autouse=True)
def feed(database: Database) -> None:
    records.put_feed(database)


def reach(database: Database, minute: float, *, feed: str = "bluesky") -> None:
    records.put_cursor(database, feed, BEGAN + minute * MINUTE)


def burst(
    start: float, posts: int, *, authors: int = 1000, minutes: float = 5.0, text: str = "tea time"
) -> list[Words]:
    return [Words(start + minutes * n / posts, f"{text} {n}", f"did:plc:{n % authors}") for n in range(posts)]


def background(seed: int, minutes: int, rate: float = 0.3) -> list[Words]:
    """Tea now and then, more in the afternoon, among other posts."""
    chance = random.Random(seed)
    found = []
    for minute in range(minutes):
        lively = rate * (3 if 14 <= (minute // 60) % 24 < 18 else 1)
        if chance.random() < lively:
            found.append(Words(minute + chance.random(), "a cup of tea", f"did:plc:b{chance.randrange(500)}"))
        found.append(Words(minute + chance.random(), "something else", f"did:plc:o{chance.randrange(500)}"))
    return found


def rule(posts: int = 5, authors: int = 1, minutes: int = 10, **others: Any) -> WatchRule:
    usual = others.pop("times_usual", None)
    threshold = Threshold(posts=posts, authors=authors, minutes=minutes, times_usual=usual)
    return WatchRule(words=others.pop("words", TEA), threshold=threshold, **others)


def backtest(database: Database, judging: Judging, asked: WatchRule, first: float, last: float) -> Backtest:
    query = BacktestInput(rule=asked, start=BEGAN + first * MINUTE, end=BEGAN + last * MINUTE)
    return asyncio.run(Backtester(database, judging.meanings)(query))


def test_a_watch_that_is_met_raises_one_alert_with_its_context(database: Database) -> None:
    watch = save(database, rule(posts=10, authors=8))
    put(database, [*burst(100, 12, minutes=0.9), *[Words(99, "coffee", f"did:plc:{n}") for n in range(30)]])
    reach(database, 120)
    judging = Judging(database)
    judging.catch_up()
    (raised,) = judging.published
    alert = raised.alert
    assert (alert.watch, alert.watch_name, alert.kind, alert.level) == (watch, "tea", "threshold", 0)
    assert (alert.posts, alert.authors, raised.unread) == (12, 12, 1)
    assert [(word.word, word.posts) for word in alert.matched] == [("tea", 12)]
    assert len(alert.samples) == 5
    assert all("tea" in post.text and post.url for post in alert.samples)
    assert alert.link == f"https://g.example/alerts/{alert.id}"
    assert minute_after(alert.at) == 101
    assert alert.reason.startswith("12 posts by 12 accounts in 10 minutes")
    judging.catch_up()
    assert len(alerts(database)) == 1


def test_a_loud_account_is_not_a_crowd(database: Database) -> None:
    save(database, rule(posts=10, authors=3))
    put(database, burst(100, 50, authors=2))
    reach(database, 120)
    Judging(database).catch_up()
    assert alerts(database) == []


def test_live_minute_by_minute_and_a_backtest_find_identical_episodes(database: Database) -> None:
    # given a week and a half of background, with bursts, a growing story, a gap and an evening rush
    stream = background(7, 9 * 1440)
    stream += burst(8 * 1440 + 100, 40) + burst(8 * 1440 + 104, 300) + burst(8 * 1440 + 400, 60)
    stream += burst(8 * 1440 + 900, 25) + burst(8 * 1440 + 930, 90)
    records.put_gap(database, BEGAN + timedelta(days=8, minutes=600), 45)
    stream = [post for post in stream if not 8 * 1440 + 600 <= post.minute < 8 * 1440 + 645]
    first = 8 * 1440
    put(database, [post for post in stream if post.minute < first])
    reach(database, first)
    asked = rule(posts=15, authors=10, minutes=10, times_usual=3.0, cooldown_minutes=3)
    watch = save(database, asked)
    database.execute(
        Command("UPDATE watch SET armed_at = %(at)s WHERE id = %(id)s"),
        {"at": BEGAN + first * MINUTE, "id": watch},
    )
    judging = Judging(database)
    # when the ninth day comes in pieces of uneven length, and the process is replaced now and then
    chance, minute = random.Random(3), float(first)
    number = 100_000
    while minute < 9 * 1440:
        step = chance.choice([0.4, 1, 3, 7, 40])
        piece = [post for post in stream if minute <= post.minute < minute + step]
        put(database, piece, first=number)
        number += len(piece)
        minute += step
        reach(database, minute)
        if chance.random() < 0.1:
            judging.scheduler._lease.release()
            judging = Judging(database, f"process {minute}")
        judging.catch_up()
    # then the backtest of that day says exactly what was told
    told = [(row.level, row.began_at, row.at, row.posts, row.authors, row.usual) for row in alerts(database)]
    past = backtest(database, judging, asked, first, 9 * 1440)
    assert told == [
        (firing.level, episode.start, firing.at, firing.posts, firing.authors, firing.usual)
        for episode in past.episodes
        for firing in episode.firings
    ]
    assert past.fired == len(told) >= 4
    assert {row.level for row in alerts(database)} >= {0, 1}
    assert past.missing_minutes == 45
    assert f"{past.fired} times" in past.summary
    assert [gap.cause for gap in past.gaps] == ["outage"]


def test_a_kill_at_any_point_tells_every_alert_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # given processes that are killed at every other place where they talk to the store
    destination = database.fetch(
        Statement(
            "INSERT INTO destination (name, kind, url) VALUES ('d', 'slack', 'https://x') RETURNING 1 AS count", Count
        )
    )
    assert destination
    found = database.fetch(Statement("SELECT id::text FROM destination", watch_store.Id))[0].id
    save(database, rule(posts=3, cooldown_minutes=0), destinations=[found])
    calls = deadly = 0
    for method in ("fetch", "fetch_one", "execute", "transaction"):
        genuine = getattr(Database, method)

        def mortal(self: Database, *args: Any, _genuine: Any = genuine, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == deadly:
                raise KeyboardInterrupt
            return _genuine(self, *args, **kwargs)

        monkeypatch.setattr(Database, method, mortal)
    killed = 0
    for round_ in range(4):
        deadly = 0
        put(database, burst(100 * round_ + 10, 5), first=1000 * round_)
        reach(database, 100 * round_ + 60)
        for place in range(1, 40, 2):
            calls, deadly = 0, place
            try:
                Judging(database, "same holder").scheduler.turn()
            except KeyboardInterrupt:
                killed += 1
    assert killed > 30
    deadly = 0
    Judging(database, "same holder").catch_up()
    # then each burst was told once, with one delivery and one job each
    assert [minute_after(row.began_at) for row in alerts(database)] == [12.0, 112.0, 212.0, 312.0]
    deliveries = Statement("SELECT count(*) AS count FROM delivery", Count)
    jobs = Statement("SELECT count(*) AS count FROM outbox WHERE actor = 'deliver_alert'", Count)
    assert database.fetch(deliveries)[0].count == database.fetch(jobs)[0].count == 4


def test_a_backlog_is_told_at_its_own_time_and_is_no_burst(database: Database) -> None:
    # given an hour of two posts a minute that arrives at once
    save(database, rule(posts=30))
    put(database, [Words(n / 2, "tea", f"did:plc:{n}") for n in range(120)])
    reach(database, 60)
    judging = Judging(database)
    judging.catch_up()
    assert alerts(database) == []
    put(database, burst(70, 40), first=500)
    reach(database, 200)
    judging.catch_up()
    (row,) = alerts(database)
    assert 70 < minute_after(row.at) <= 76


def test_grown_fourfold_it_is_told_again_and_the_cooldown_is_kept(database: Database) -> None:
    save(database, rule(posts=5, minutes=10, cooldown_minutes=20))
    put(database, burst(100, 6, minutes=1) + burst(105, 60, minutes=1) + burst(118, 90, minutes=1))
    reach(database, 300)
    Judging(database).catch_up()
    assert [(row.level, minute_after(row.at)) for row in alerts(database)] == [(0, 101), (1, 121)]
    assert "grown from 6" in alerts(database)[1].reason


def test_a_snoozed_watch_tells_afterwards_what_still_goes_on(database: Database) -> None:
    watch = save(database, rule(posts=5))
    until = Command("UPDATE watch SET snoozed_until = %(until)s WHERE id = %(id)s")
    database.execute(until, {"until": BEGAN + 150 * MINUTE, "id": watch})
    put(database, burst(100, 10) + burst(140, 60, minutes=30))
    reach(database, 200)
    Judging(database).catch_up()
    (row,) = alerts(database)
    assert minute_after(row.at) == 151
    assert minute_after(row.began_at) < 145


def test_a_paused_watch_is_not_judged_and_does_not_tell_what_happened_meanwhile(database: Database) -> None:
    watch = save(database, rule(posts=5))
    reach(database, 50)
    judging = Judging(database)
    judging.catch_up()
    database.execute(watch_store.PAUSE, {"watch": watch})
    put(database, burst(100, 10))
    reach(database, 150)
    judging.catch_up()
    database.execute(watch_store.RESUME, {"watch": watch})
    judging.catch_up()
    assert alerts(database) == []
    put(database, burst(160, 10), first=500)
    reach(database, 200)
    judging.catch_up()
    assert len(alerts(database)) == 1


def test_a_rule_that_changes_while_it_is_judged_writes_nothing_of_the_old(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = save(database, rule(posts=5))
    put(database, burst(100, 10))
    reach(database, 150)
    judging = Judging(database)
    from services.api.watches import jobs

    genuine = jobs.judge_stretch

    def changed_meanwhile(*args: Any) -> Any:
        outcome = genuine(*args)
        new = '{"words": {"any": ["coffee"]}}'
        database.execute(watch_store.REWRITE, {"watch": watch, "rule": new})
        return outcome

    monkeypatch.setattr(jobs, "judge_stretch", changed_meanwhile)
    judging.lease.take()
    judging.job.run(judging.lease)
    assert alerts(database) == []


def test_only_the_holder_of_the_lease_tells(database: Database) -> None:
    save(database, rule(posts=5))
    put(database, burst(100, 10))
    reach(database, 150)
    first, second = Judging(database, "first"), Judging(database, "second")
    first.lease.take()
    database.execute(Command("UPDATE lease SET expires_at = now() - interval '1 second'"))
    second.catch_up()
    assert len(alerts(database)) == 1
    put(database, burst(200, 10), first=500)
    reach(database, 250)
    with pytest.raises(FencedError):
        first.job.run(first.lease)
    assert len(alerts(database)) == 1


def test_meaning_decides_and_when_it_is_off_the_rest_goes_on_and_says_so(database: Database) -> None:
    judging = Judging(database)
    save(database, rule(posts=5, meaning=Meaning(text="tea", similarity=0.9)))
    ids = put(database, burst(100, 10, minutes=0.9, text="tea cup") + burst(100, 10, text="coffee without tea"))
    texts = ["tea"] * 10 + ["coffee"] * 10
    entries = [Entry(post, "bluesky", BEGAN + 101 * MINUTE) for post in ids]
    judging.index.upsert("fake", entries, judging.embedder.embed(texts, "passage"))
    reach(database, 120)
    judging.catch_up()
    assert [row.posts for row in alerts(database)] == [10]
    judging.index.away = True
    put(database, burst(200, 10, minutes=0.9, text="coffee without tea"), first=500)
    reach(database, 230)
    judging.catch_up()
    assert [row.posts for row in alerts(database)] == [10, 10]
    judging.catch_up()
    (watch,) = [row.watch() for row in database.fetch(watch_store.ALL)]
    assert watch.degraded is not None
    assert "Its other conditions still work" in watch.degraded
    assert judging.said[-1][0] == "degraded"


def test_a_watch_by_meaning_alone_waits_and_misses_nothing(database: Database) -> None:
    judging = Judging(database)
    judging.index.away = True
    save(database, WatchRule(meaning=Meaning(text="tea", similarity=0.9), threshold=Threshold(posts=5)))
    ids = put(database, burst(100, 10))
    reach(database, 120)
    judging.lease.take()
    judging.job.run(judging.lease)
    assert alerts(database) == []
    judging.index.away = False
    entries = [Entry(post, "bluesky", BEGAN + 101 * MINUTE) for post in ids]
    judging.index.upsert("fake", entries, judging.embedder.embed(["tea"] * 10, "passage"))
    judging.catch_up()
    (row,) = alerts(database)
    assert minute_after(row.at) <= 106


def test_what_is_cold_means_nothing_and_is_no_silence(database: Database) -> None:
    # given posts that are cold by now, with no vectors, and later ones that are hot
    judging = Judging(database)
    meant = WatchRule(meaning=Meaning(text="tea", similarity=0.9), threshold=Threshold(posts=5))
    put(database, burst(100, 10))
    assert cold.move_all(database) == 10
    ids = put(database, burst(200, 10), first=500)
    reach(database, 220)
    entries = [Entry(post, "bluesky", BEGAN + 201 * MINUTE) for post in ids]
    judging.index.upsert("fake", entries, judging.embedder.embed(["tea"] * 10, "passage"))
    # then a backtest by meaning says from when on it sees, and takes nothing before for a quiet time
    past = backtest(database, judging, meant, 95, 215)
    assert past.degraded == "Meaning sees no posts before 2026-03-02 01:45 UTC: they are in the archive."
    assert past.missing_minutes == 10
    assert len(past.episodes) == 1
    # by words it sees all
    past = backtest(database, judging, rule(posts=5), 95, 215)
    assert past.degraded is None
    assert len(past.episodes) == 2
    # and a new watch by meaning learns from what has vectors
    save(database, meant)
    database.execute(Command("UPDATE watch SET armed_at = %(at)s"), {"at": BEGAN + 210 * MINUTE})
    (due,) = database.fetch(watch_judging.DUE)
    assert Followed.begin(database, due, minute_of(BEGAN + 220 * MINUTE)).judge.usual.end == minute_of(
        BEGAN + 105 * MINUTE
    )


def test_a_topic_that_touches_the_watch_is_told_when_it_emerges_and_when_it_grows(database: Database) -> None:
    save(database, rule(posts=1000, topics=True))
    ids = put(database, burst(100, 10) + burst(100, 10, text="coffee"))
    records.put_topic(database, "t1", at=BEGAN + 110 * MINUTE)
    records.put_topic(database, "t2", at=BEGAN + 110 * MINUTE)
    link = Command("INSERT INTO topic_post SELECT %(topic)s, id, event_time FROM post WHERE id = %(post)s")
    for index, post in enumerate(ids):
        database.execute(link, {"topic": "t1" if index < 10 else "t2", "post": post})
    judging = Judging(database)
    for minute in (115, 116, 117):
        reach(database, minute)
        judging.catch_up()
    (row,) = alerts(database)
    assert (row.kind, row.level, row.posts) == ("topic", 0, 10)
    assert [topic.id for topic in judging.published[0].alert.topics] == ["t1"]
    database.execute(
        Command("UPDATE topic SET posts_hour = 4 * posts_hour, updated_at = updated_at + interval '1 min'")
    )
    reach(database, 118)
    judging.catch_up()
    assert [row.level for row in alerts(database)] == [0, 1]


def test_deleted_posts_neither_count_nor_are_shown(database: Database) -> None:
    save(database, rule(posts=5))
    ids = put(database, burst(100, 7))
    gone = Command("UPDATE post SET deleted_at = now(), text = '' WHERE id = ANY(%(ids)s)")
    database.execute(gone, {"ids": ids[:3]})
    reach(database, 150)
    judging = Judging(database)
    judging.catch_up()
    assert alerts(database) == []


def put_topic(database: Database, topic: str, posts: list[Any], *, at: float) -> None:
    """A topic detected at minute ``at``, unless it is there, and ``posts`` in it."""
    if not database.fetch(Statement("SELECT 1 AS count FROM topic WHERE id = %(id)s", Count), {"id": topic}):
        records.put_topic(database, topic, at=BEGAN + at * MINUTE)
    given = {"topic": topic, "posts": posts}
    database.execute(
        Command("INSERT INTO topic_post SELECT %(topic)s, id, event_time FROM post WHERE id = ANY(%(posts)s)"), given
    )
    database.execute(
        Command(
            """INSERT INTO topic_minute (topic, minute, posts, authors, usual)
               SELECT topic, date_trunc('minute', event_time), count(*), count(*), 0 FROM topic_post
                WHERE topic = %(topic)s GROUP BY 1, 2
               ON CONFLICT (topic, minute) DO UPDATE SET posts = excluded.posts"""
        ),
        given,
    )
    counted = "UPDATE topic SET posts_hour = (SELECT count(*) FROM topic_post WHERE topic = id) WHERE id = %(topic)s"
    database.execute(Command(counted), given)


def judged_minute_by_minute(database: Database, first: int, last: int, *, topics: dict[int, Any]) -> Judging:
    """Each minute as it closes; ``topics`` are put at theirs."""
    judging = Judging(database)
    for minute in range(first, last):
        if minute in topics:
            topics[minute]()
        reach(database, minute)
        database.execute(
            Command("UPDATE topic SET updated_at = %(at)s WHERE status <> 'ended'"), {"at": BEGAN + minute * MINUTE}
        )
        judging.catch_up()
    return judging


@pytest.mark.parametrize("detected", [101, 103, 104, 109])
def test_one_story_is_one_message_whichever_condition_holds_first(database: Database, detected: int) -> None:
    # given a story that reaches the threshold of 8 posts in minute 103, and a topic that emerges before, then or after
    asked = rule(posts=8, topics=True)
    save(database, asked)
    reach(database, 90)
    ids = put(database, burst(100, 10) + burst(100, 10, text="coffee"))
    put_it = {detected: lambda: put_topic(database, "t1", ids[:10], at=detected)}
    judging = judged_minute_by_minute(database, 95, 125, topics=put_it)
    # then one alert came, and it says that both hold
    (row,) = alerts(database)
    first = detected < 104
    assert (row.kind, row.level) == ("topic" if first else "threshold", 0)
    assert "both conditions hold" in row.reason
    shown = judging.published[-1].alert
    assert "both conditions hold" in shown.reason
    assert [topic.id for topic in shown.topics] == ["t1"]
    assert shown.reason.count("both conditions hold") == 1
    assert ("threshold was reached too (8 posts by 8 accounts" in row.reason) is first
    # and the backtest says the same
    past = backtest(database, judging, asked, 95, 125)
    (episode,), (topic,) = past.episodes, past.topics
    assert past.fired == 1
    assert (len(topic.firings), len(episode.firings)) == ((1, 0) if first else (0, 1))
    assert (episode.told_by_topic, topic.told_otherwise) == (first, not first)
    assert "fired once" in past.summary


def test_two_stories_are_two_messages(database: Database) -> None:
    # given a crowd of posts on tea, a few of which belong to a topic of their own
    asked = rule(posts=20, topics=True)
    save(database, asked)
    reach(database, 90)
    ids = put(database, burst(100, 40))
    put_it = {106: lambda: put_topic(database, "t1", ids[::5], at=106)}
    judging = judged_minute_by_minute(database, 95, 125, topics=put_it)
    assert [(row.kind, "both" in row.reason) for row in alerts(database)] == [("threshold", False), ("topic", False)]
    past = backtest(database, judging, asked, 95, 125)
    assert past.fired == 2
    assert "2 times" in past.summary
    assert "in 1 episode and for 1 topic." in past.summary


def test_a_story_that_grows_is_told_again_once(database: Database) -> None:
    # given a story of both kinds that becomes six times as large
    asked = rule(posts=8, topics=True, cooldown_minutes=5)
    save(database, asked)
    reach(database, 90)
    ids = put(database, burst(100, 10))
    more = put(database, burst(110, 80, minutes=3), first=100)

    events = {105: lambda: put_topic(database, "t1", ids, at=105), 113: lambda: put_topic(database, "t1", more, at=0)}
    judging = judged_minute_by_minute(database, 95, 130, topics=events)
    told = alerts(database)
    assert [(row.kind, row.level) for row in told] == [("threshold", 0), ("threshold", 1)]
    assert all("both conditions hold" in row.reason for row in told)
    past = backtest(database, judging, asked, 95, 130)
    assert past.fired == 2
    assert [firing.at for firing in past.episodes[0].firings] == [row.at for row in told]


def test_two_topics_of_the_same_posts_are_one_story(database: Database) -> None:
    # given two topics that share most of what matches, the smaller seen later, and one of its own
    asked = rule(posts=1000, topics=True)
    save(database, asked)
    reach(database, 90)
    ids = put(database, burst(100, 20))
    others = put(database, burst(101, 6, text="green tea"), first=100)
    events = {
        105: lambda: put_topic(database, "large", ids, at=105),
        107: lambda: put_topic(database, "small", ids[:8], at=107),
        109: lambda: put_topic(database, "other", [*others, *ids[:3]], at=109),
    }
    # when the smaller one grows alone, and then the larger one
    more = put(database, burst(112, 90, minutes=2), first=200)
    events |= {
        115: lambda: put_topic(database, "small", more[:40], at=0),
        118: lambda: put_topic(database, "large", more, at=0),
    }
    judging = judged_minute_by_minute(database, 95, 130, topics=events)
    told = [(one.alert.topics[0].id, one.alert.level) for one in judging.published]
    # then the smaller one was never told beside the larger one, but what grew was, by who was largest then
    assert told == [("large", 0), ("other", 0), ("small", 1), ("large", 1)]


def test_a_topic_that_ended_is_no_news_though_its_posts_live_on_in_another(database: Database) -> None:
    save(database, rule(posts=1000, topics=True))
    ids = put(database, burst(100, 10))
    put_topic(database, "old", ids, at=102)
    database.execute(Command("UPDATE topic SET status = 'ended'"))
    put_topic(database, "new", ids, at=105)
    reach(database, 110)
    judging = Judging(database)
    judging.catch_up()
    assert [[topic.id for topic in one.alert.topics] for one in judging.published] == [["new"]]
