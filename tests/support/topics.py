"""Topics to brief about, as records and as rows in a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.worker.pipelines.contracts import Gathered
from services.worker.pipelines.gather import covered
from shared.contracts.ids import author_hash, post_id
from shared.store.briefing import CandidateRow, CountRow, GapRow, KeptRow, MinuteRow, TopicRow, VoiceRow
from shared.store.database import Command, Database

START = datetime(2026, 5, 3, 14, 0, tzinfo=UTC)
TEXTS = (
    "The harbour bridge is closed after the tide took two pontoons, everyone is walking round",
    "Second pontoon gone!! harbour bridge swaying like mad 🌊😱 stay away from the quay",
    "Ponte do porto fechada: a maré levou dois pontões e ninguém sabe quando reabre",
    "港の橋が閉鎖されました。満潮で浮き桟橋が二つ流されたそうです。迂回してください。",
    "Мост в гавани закрыт, прилив унёс два понтона, все идут в обход",
    "أغلق جسر الميناء بعد أن جرف المد عوامتين والناس يلتفون حوله",
    "City says the harbour bridge stays shut until the tide turns, buses replaced by ferries",
    "El puente del puerto sigue cerrado, la marea se llevó dos pontones esta tarde",
    "My whole commute is the harbour bridge, so that is my evening gone. Tide tables matter, people",
    "Engineers on the harbour bridge now, they are lashing the third pontoon before the tide",
)


def uri(number: int) -> str:
    """A valid Bluesky post address."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    account = "".join(letters[(number // 32**place) % 32] for place in range(24))
    return f"at://did:plc:{account}/app.bsky.feed.post/3k{number:011d}"


def candidate(number: int, text: str, **changes: object) -> CandidateRow:
    """A post that could be quoted; ``number`` gives it its own id, author and minute."""
    fields: dict[str, object] = {
        "id": post_id(uri(number)),
        "uri": uri(number),
        "author": uri(number).split("/")[2],
        "event_time": START + timedelta(minutes=number, seconds=7),
        "text": text,
        "languages": ["en"],
        "terms": [],
        "fingerprint": 0,
        "reply": False,
        "likes": 0,
        "reposts": 0,
        "chosen": False,
    }
    return CandidateRow(**{**fields, **changes})  # type: ignore[arg-type]


def topic_row(**changes: object) -> TopicRow:
    """A rising topic with a settled baseline."""
    fields: dict[str, object] = {
        "id": "harbour-bridge",
        "label": "harbour bridge",
        "terms": ["harbour bridge", "pontoon", "tide"],
        "status": "rising",
        "posts_hour": 412,
        "authors_hour": 198,
        "usual_hour": 35.2,
        "ratio": 11.7,
        "provisional": False,
        "began_at": START + timedelta(minutes=20),
        "detected_at": START + timedelta(minutes=27),
        "updated_at": START + timedelta(minutes=90),
        "languages": ["en", "pt", "ja"],
        "why": "11.7 times the usual from 198 accounts within an hour, in 6 languages.",
        "representatives": [],
        "baseline_from": START - timedelta(days=3),
        "as_of": START + timedelta(minutes=90),
        "read_at": START + timedelta(minutes=91),
    }
    return TopicRow(**{**fields, **changes})  # type: ignore[arg-type]


def rising_minutes() -> list[MinuteRow]:
    """Ninety minutes: calm, a rise to 24 posts a minute at the sixtieth, a slow fall."""
    rows = []
    for minute in range(90):
        wave = max(0, minute - 20) if minute <= 60 else 40 - (minute - 60) * 0.8
        posts = 1 + (minute % 3 == 0) + round(wave * 0.55)
        usual = 0.6 + 0.002 * minute
        rows.append(MinuteRow(minute=START + timedelta(minutes=minute), posts=posts, authors=posts, usual=usual))
    return rows


def gathered(**changes: object) -> Gathered:
    """A record with posts in six languages."""
    posts = [candidate(number, text, likes=3 * number) for number, text in enumerate(TEXTS)]
    topic = topic_row()
    kept = KeptRow(posts=380, authors=190, first_time=posts[0].event_time, last_time=START + timedelta(minutes=89))
    start, end = covered(topic, rising_minutes(), kept)
    fields: dict[str, object] = {
        "topic": topic,
        "range_start": start,
        "range_end": end,
        "minutes": rising_minutes(),
        "kept": kept,
        "voices": [VoiceRow(author=post.author, posts=9 - number) for number, post in enumerate(posts[:3])],
        "languages": [CountRow(value="en", posts=250, authors=120), CountRow(value="pt", posts=80, authors=40)],
        "links": [CountRow(value="https://example.org/bridge?ref=1", posts=31, authors=28)],
        "earliest": posts[:4],
        "posts": posts,
        "gaps": [],
    }
    return Gathered(**{**fields, **changes})  # type: ignore[arg-type]


def gap(start_minute: int, end_minute: int) -> GapRow:
    """A gap within the record's range."""
    minutes = timedelta(minutes=1)
    return GapRow(
        feed="bluesky",
        start_time=START + start_minute * minutes,
        end_time=START + end_minute * minutes,
        cause="the server no longer had it",
    )


def store_topic(database: Database, record: Gathered) -> str:
    """Write ``record`` as rows; the topic's id."""
    with database.transaction() as transaction:
        transaction.execute(
            Command(
                "INSERT INTO feed (id, kind, url) VALUES ('bluesky', 'jetstream', 'wss://x') ON CONFLICT DO NOTHING"
            )
        )
        topic = record.topic
        transaction.execute(
            Command(
                """INSERT INTO topic (id, label, terms, status, score, posts_hour, authors_hour, usual_hour, ratio,
                     provisional, began_at, detected_at, updated_at, languages, why, representatives)
                   VALUES (%(id)s, %(label)s, %(terms)s, %(status)s, 1, %(posts_hour)s, %(authors_hour)s,
                     %(usual_hour)s, %(ratio)s, %(provisional)s, %(began_at)s, %(detected_at)s, %(updated_at)s,
                     %(languages)s, %(why)s, %(representatives)s)"""
            ),
            {name: getattr(topic, name) for name in topic.__struct_fields__},
        )
        for row in record.minutes:
            transaction.execute(
                Command("INSERT INTO topic_minute VALUES (%(topic)s, %(minute)s, %(posts)s, %(authors)s, %(usual)s)"),
                {"topic": topic.id, **{name: getattr(row, name) for name in row.__struct_fields__}},
            )
        for post in record.posts:
            transaction.execute(STORE_POST, {**_post(post)})
            transaction.execute(
                Command("INSERT INTO topic_post VALUES (%(topic)s, %(id)s, %(event_time)s)"),
                {"topic": topic.id, "id": post.id, "event_time": post.event_time},
            )
        for lost in record.gaps:
            transaction.execute(
                Command(
                    """INSERT INTO feed_gap (feed, start_time, end_time, cause)
                       VALUES (%(feed)s, %(start_time)s, %(end_time)s, %(cause)s)"""
                ),
                {name: getattr(lost, name) for name in lost.__struct_fields__},
            )
    return topic.id


STORE_POST = Command(
    """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages, links, terms, fingerprint,
                         likes, reposts)
       VALUES (%(id)s, 'bluesky', %(uri)s, %(author)s, %(author_hash)s, %(event_time)s, %(text)s, %(languages)s,
               '{https://example.org/a}', %(terms)s, %(fingerprint)s, %(likes)s, %(reposts)s)"""
)


def _post(post: CandidateRow) -> dict[str, object]:
    fields = {name: getattr(post, name) for name in post.__struct_fields__ if name not in ("reply", "chosen")}
    return {**fields, "author_hash": author_hash(post.author)}


RUN = UUID("00000000-0000-7000-8000-000000000001")
