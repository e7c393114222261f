"""Runs of pipelines over two weeks of a made-up record, worked on in this process."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from services.worker.agents.definition import load_agents
from services.worker.llm.open import tiers_of
from services.worker.llm.thread import LlmThread
from services.worker.pipelines.chain import PipelineWork
from services.worker.pipelines.definition import Pipeline, load_pipeline, load_pipelines
from services.worker.pipelines.perform import Performer
from services.worker.pipelines.press import Press
from services.worker.sandbox.box import Box
from shared.config.settings import Settings
from shared.contracts.ids import author_hash
from shared.schemas.base import Schema
from shared.store.database import Command, Database, Statement
from tests.support.agents import TIMINGS, quick_press
from tests.support.topics import TEXTS, candidate, gathered, store_topic, topic_row

#: Where the record ends; runs are asked a little later.
END = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
BUS = (
    "Bus strike called for Monday, all lines of the city are out from four in the morning",
    "The drivers' union says the strike goes on until there is an offer on shifts",
    "Two hours on foot to work because of the bus strike, and I am with the drivers",
    "City council asks both sides of the bus strike back to the table on Wednesday",
)
CHATTER = ("Good morning to all who are up", "Nice cat", "Rain again today", "What a game last night", "Coffee first")
COPY = "WIN a free bus pass now, only today, tell all your friends about it"
#: What the watch-keeper asks for.
WATCH = {"name": "bridge", "rule": {"words": {"any": ["bridge"]}}}
#: What the analyst asks and draws.
BY_WEEK = """SELECT CASE WHEN minute >= '2026-05-10 12:00+00' THEN 'newer' ELSE 'older' END AS week,
  sum(posts) AS posts, 2 AS weeks FROM feed_minutes GROUP BY 1 ORDER BY 1"""
WEEKS = {"kind": "bar", "title": "Posts by week", "call": "c2", "x": "week", "y": "posts", "y_title": "posts"}
OLD, NEW = timedelta(days=14), timedelta(days=7)


@contextmanager
def chains(
    settings: Settings,
    database: Database,
    pipelines: Mapping[str, Pipeline] | None = None,
    *,
    model: bool = True,
    press: Press | None = None,
    box: Box | None = None,
) -> Iterator[Performer]:
    """Calls ``work(run_id)`` until the run stands still."""
    llm = LlmThread(settings, tiers_of(settings), lambda *_: None) if model else None
    if llm:
        llm.start()
    try:
        pipelines = pipelines or load_pipelines(load_agents())
        work = PipelineWork(settings, database, pipelines, press or quick_press(), llm, box)
        work.tell()
        yield Performer(database, work.perform, lambda _: None, threading.Event(), TIMINGS, "pipeline")
    finally:
        if llm:
            llm.stop()


def keeper() -> dict[str, Pipeline]:
    """A pipeline whose first stage asks for a watch, which a person has to approve, and then looks what there is."""
    daily = (Path(__file__).parents[2] / "services/worker/pipelines/library/daily-briefing.toml").read_text("utf-8")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "keeper.toml"
        path.write_text(daily.replace('"scout"', '"watch-keeper"').replace('name = "watch-keeper"', 'name = "keep"'))
        made, wrong = load_pipeline(path, load_agents())
    assert made is not None, wrong
    assert not wrong, wrong
    return {"keeper": made}


class PostId(Schema, frozen=True, kw_only=True):
    """A post."""

    id: str


def store_weeks(database: Database) -> str:
    """Two weeks of one feed, with two topics, a gap and copies; the id of the topic that is breaking."""
    chance = random.Random(5)
    database.execute(Command("INSERT INTO feed (id, kind, url) VALUES ('bluesky', 'jetstream', 'wss://x')"))
    database.execute(CURSOR, {"time": END})
    minutes = int(OLD / timedelta(minutes=10))
    for number in range(minutes):
        start = END - OLD + number * timedelta(minutes=10)
        posts = (
            40
            + round(30 * abs(((start.hour - 4) % 24) / 12 - 1))
            + (20 if start > END - NEW else 0)
            + chance.randrange(9)
        )
        if not END - timedelta(hours=30) <= start < END - timedelta(hours=25):
            database.execute(MINUTE, {"minute": start, "posts": posts})
    database.execute(GAP, {"start": END - timedelta(hours=30), "end": END - timedelta(hours=25)})
    database.execute(DROP, {"time": END - timedelta(hours=30)})
    bridge = topic_row(
        began_at=END - timedelta(hours=5), detected_at=END - timedelta(hours=4, minutes=50), updated_at=END,
        as_of=END, read_at=END, baseline_from=END - OLD,
    )  # fmt: skip
    shift = bridge.began_at - topic_row().began_at
    record = gathered()
    store_topic(
        database,
        gathered(
            topic=bridge,
            posts=[
                msgspec.structs.replace(candidate(number, text), event_time=post.event_time + shift, likes=3 * number)
                for number, (text, post) in enumerate(zip(TEXTS, record.posts, strict=True))
            ],
            minutes=[msgspec.structs.replace(row, minute=row.minute + shift) for row in record.minutes],
            earliest=[],
        ),
    )
    strike = topic_row(
        id="bus-strike", label="bus strike", terms=["bus strike", "drivers"], status="fading",
        began_at=END - timedelta(days=9), detected_at=END - timedelta(days=9), updated_at=END - timedelta(days=1),
    )  # fmt: skip
    begin = END - timedelta(days=9) - topic_row().began_at
    store_topic(
        database,
        gathered(
            topic=strike,
            posts=[
                msgspec.structs.replace(
                    candidate(100 + number, text), event_time=END - timedelta(days=9 - 2 * number), reposts=number
                )
                for number, text in enumerate(BUS)
            ],
            minutes=[
                msgspec.structs.replace(
                    row, minute=row.minute + begin + day * timedelta(days=1), posts=row.posts // (day + 1)
                )
                for day in range(0, 9, 2)
                for row in record.minutes
            ],
            earliest=[],
        ),
    )
    for number in range(400):
        text = COPY if number % 9 == 0 else f"{chance.choice(CHATTER)} {number}"
        post = candidate(1_000 + number, text)
        fields = {
            "id": post.id,
            "uri": post.uri,
            "author": "did:plc:loud" if number % 3 == 0 else post.author,
            "time": END - timedelta(minutes=47 * number + 3),
            "text": text,
            "links": ["https://www.example.org/pass"] if number % 9 == 0 else [],
            "fingerprint": 4242 if number % 9 == 0 else number + 1,
        }
        fields["hash"] = author_hash(str(fields["author"]))
        database.execute(POST, fields)
    return bridge.id


def casts(post: str, **changes: Any) -> dict[str, Any]:
    """What the fake provider's model does as each agent: it finds ``post``, writes of it, and faults nothing."""

    def claim(text: str, *calls: str) -> dict[str, Any]:
        return {"text": text, "posts": [post], "calls": list(calls)}

    found = ("answer", {"claims": [claim("Engineers lash the third pontoon.")], "unknown": ["When it opens again"]})
    kept = {"claims": [{"text": "This is what is watched now.", "calls": ["c4"]}]}
    claims = [claim("They lash the third pontoon.", "f1"), claim("Engineers are there."), claim("It lost 99 pontoons.")]
    draft = {
        "title": "What the harbour says",
        "summary": [claim("Engineers are at work.")],
        "sections": [{"heading": "At the bridge", "claims": claims}],
    }
    return {
        "You are a data analyst": [
            ("query", {"sql": BY_WEEK}),
            ("answer", {"claims": [{"text": "The newer of 2 weeks was busier.", "calls": ["c2"]}], "charts": [WEEKS]}),
        ],
        "You look after watches": [("create_watch", WATCH), ("watches", {}), ("answer", kept)],
        "You are the scout": [("posts", {"limit": 200}), found],
        "You are a careful researcher": [("topic_posts", {"topic": "harbour-bridge", "limit": 20}), found],
        "You are a fact-checker": [
            ("answer", {"verdict": "supported", "claims": [claim("Engineers are on the bridge.")], "unknown": []})
        ],
        "You write reports": [("answer", draft)],
        "You are an editor": [("answer", {"verdict": "accept", "faults": []})],
    } | changes


def post_ids(database: Database, like: str) -> list[str]:
    """Ids of posts with ``like`` in them, oldest first."""
    return [row.id for row in database.fetch(IDS, {"like": f"%{like}%"})]


def ask_at_the_end(database: Database, run: Any) -> None:
    """As if it had been asked when the record ends."""
    database.execute(ASKED_AT, {"run": run["id"], "time": END + timedelta(minutes=5)})


IDS = Statement("SELECT id::text FROM post WHERE text LIKE %(like)s ORDER BY event_time, id", PostId)
ASKED_AT = Command("UPDATE run SET created_at = %(time)s WHERE id = %(run)s")
CURSOR = Command(
    """INSERT INTO feed_cursor (feed, wire, host, position, event_time, events, posts, duplicates)
       VALUES ('bluesky', 'jetstream', 'x', 1, %(time)s, 90000, 80000, 12)"""
)
MINUTE = Command(
    """INSERT INTO feed_minute (feed, minute, posts, likes, reposts, deletes)
       VALUES ('bluesky', %(minute)s, %(posts)s, 90, 20, 2)"""
)
GAP = Command(
    """INSERT INTO feed_gap (feed, start_time, end_time, cause)
       VALUES ('bluesky', %(start)s, %(end)s, 'the server no longer had it')"""
)
DROP = Command(
    """INSERT INTO feed_drop (id, feed, cause, ended_at, attempts)
       VALUES (uuidv7(), 'bluesky', 'closed', %(time)s, 3)"""
)
POST = Command(
    """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages, links, fingerprint)
       VALUES (%(id)s, 'bluesky', %(uri)s, %(author)s, %(hash)s, %(time)s, %(text)s, '{en}', %(links)s,
               %(fingerprint)s)"""
)
