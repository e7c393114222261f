"""Rows for tests, written as the other units write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.contracts.ids import author_hash, post_id
from shared.store.database import Command, Database

BEGAN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
DID = "did:plc:" + "a" * 24


def uri_of(name: str) -> str:
    return f"at://{DID}/app.bsky.feed.post/{name}"


def id_of(name: str) -> str:
    return str(post_id(uri_of(name)))


def put_feed(database: Database, feed: str = "bluesky", *, status: str | None = "live") -> None:
    database.execute(Command("INSERT INTO feed (id, kind, url) VALUES (%(id)s, 'jetstream', 'wss://x')"), {"id": feed})
    if status:
        database.execute(
            Command("INSERT INTO feed_report (feed, status, rate) VALUES (%(id)s, %(status)s, 7.5)"),
            {"id": feed, "status": status},
        )


def put_cursor(database: Database, feed: str, event_time: datetime, *, posts: int = 0, age_seconds: int = 0) -> None:
    database.execute(
        Command(
            """INSERT INTO feed_cursor (feed, wire, host, position, event_time, posts, updated_at)
               VALUES (%(feed)s, 'jetstream', 'x', 1, %(time)s, %(posts)s, now() - make_interval(secs => %(age)s))
               ON CONFLICT (feed) DO UPDATE SET event_time = excluded.event_time, posts = excluded.posts,
                                                updated_at = excluded.updated_at"""
        ),
        {"feed": feed, "time": event_time, "posts": posts, "age": age_seconds},
    )


def put_post(
    database: Database,
    name: str,
    *,
    feed: str = "bluesky",
    time: datetime = BEGAN,
    text: str = "hello",
    author: str = DID,
    terms: list[str] | None = None,
    fingerprint: int = 0,
    deleted: bool = False,
) -> str:
    """A stored post; its id."""
    uri = uri_of(name)
    database.execute(
        Command(
            """INSERT INTO post (id, feed, uri, author, author_hash, event_time, text, languages, terms,
                                 fingerprint, deleted_at)
               VALUES (%(id)s, %(feed)s, %(uri)s, %(author)s, %(hash)s, %(time)s, %(text)s, '{en}', %(terms)s,
                       %(fingerprint)s,
                       CASE WHEN %(deleted)s THEN now() END)"""
        ),
        {
            "id": post_id(uri),
            "feed": feed,
            "uri": uri,
            "author": author,
            "hash": author_hash(author),
            "time": time,
            "text": text,
            "terms": terms or [],
            "fingerprint": fingerprint,
            "deleted": deleted,
        },
    )
    return str(post_id(uri))


def delete_post(database: Database, name: str, *, feed: str = "bluesky", time: datetime = BEGAN) -> None:
    params = {"id": post_id(uri_of(name)), "feed": feed, "time": time}
    database.execute(Command("UPDATE post SET deleted_at = now(), text = '' WHERE id = %(id)s"), params)
    database.execute(
        Command("INSERT INTO post_deletion (feed, post, event_time) VALUES (%(feed)s, %(id)s, %(time)s)"), params
    )


def put_gap(database: Database, start: datetime, minutes: int, *, feed: str = "bluesky") -> None:
    database.execute(
        Command("INSERT INTO feed_gap (feed, start_time, end_time, cause) VALUES (%(f)s, %(s)s, %(e)s, 'outage')"),
        {"f": feed, "s": start, "e": start + timedelta(minutes=minutes)},
    )


def put_topic(
    database: Database,
    topic: str,
    *,
    status: str = "rising",
    score: float = 5.0,
    label: str = "lisbon · power",
    at: datetime = BEGAN,
    representatives: list[str] | None = None,
) -> None:
    database.execute(
        Command(
            """INSERT INTO topic (id, label, terms, status, score, posts_hour, authors_hour, usual_hour, ratio,
                                  provisional, began_at, detected_at, updated_at, why, representatives)
               VALUES (%(id)s, %(label)s, '{lisbon,power}', %(status)s, %(score)s, 30, 20, 2, 15, false,
                       %(at)s, %(at)s, %(at)s, 'because', %(representatives)s::uuid[])"""
        ),
        {
            "id": topic,
            "label": label,
            "status": status,
            "score": score,
            "at": at,
            "representatives": representatives or [],
        },
    )


def put_minutes(database: Database, topic: str, start: datetime, posts: list[int]) -> None:
    for index, count in enumerate(posts):
        database.execute(
            Command("INSERT INTO topic_minute VALUES (%(topic)s, %(minute)s, %(posts)s, %(posts)s, 0.5)"),
            {"topic": topic, "minute": start + timedelta(minutes=index), "posts": count},
        )


def put_clock(database: Database, as_of: datetime, baseline_from: datetime | None = None) -> None:
    database.execute(
        Command(
            """INSERT INTO momentum_state (positions, snapshot, as_of, baseline_from)
               VALUES ('{}', '', %(as_of)s, %(from)s)"""
        ),
        {"as_of": as_of, "from": baseline_from or as_of - timedelta(hours=2)},
    )


def put_report(database: Database, *, pdf: bytes | None = b"%PDF-1.7 x", title: str = "Lisbon") -> tuple[str, str]:
    """A finished run with its report; their ids."""
    run, report = UUID(int=1), UUID(int=2)
    params = {
        "run": run,
        "report": report,
        "title": title,
        "html": "<!doctype html>x",
        "pdf": pdf,
        "reason": None if pdf else "The renderer is away.",
    }
    database.execute(
        Command(
            """INSERT INTO run (id, kind, topic, title, status, report)
               VALUES (%(run)s, 'briefing', 't1', %(title)s, 'done', %(report)s)"""
        ),
        params,
    )
    database.execute(
        Command(
            """INSERT INTO run_step (run, seq, name, title, status) VALUES
               (%(run)s, 1, 'gather', 'Gather', 'done'), (%(run)s, 2, 'write', 'Write', 'done')"""
        ),
        params,
    )
    database.execute(
        Command(
            """INSERT INTO report (id, run, topic, title, body, markdown, html, pdf, pdf_reason)
               VALUES (%(report)s, %(run)s, 't1', %(title)s,
                 '{"summary": "s", "sections": [{"heading": "h", "paragraphs": ["p [1]"]}], "writer": "extractive",
                   "citations": [{"number": 1, "post": "p", "author": "a", "time": "2026-01-01T12:00:00Z", "url": null,
                                  "text": "t"}],
                   "range_start": "2026-01-01T11:00:00Z", "range_end": "2026-01-01T12:00:00Z"}',
                 '# Lisbon', %(html)s, %(pdf)s, %(reason)s)"""
        ),
        params,
    )
    return str(run), str(report)
