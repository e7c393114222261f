"""Operations that explore posts, people, topics and time, over a real record, hot and cold."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.store.database import Command, Database
from tests.support import records
from tests.support.api import Served
from tests.support.records import BEGAN, DID, id_of
from tests.support.waiting import eventually

OTHER = "did:plc:" + "b" * 24
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def ready(api: Served, database: Database) -> None:
    eventually(lambda: api.http.get("/health/ready").status_code == 200)
    records.put_feed(database)


def ask(api: Served, name: str, status: int = 200, /, **given: Any) -> Any:
    answer = api.http.post(f"/api/v1/operations/{name}", json=given)
    assert answer.status_code == status, answer.text
    return answer.json()


def dress(database: Database, name: str, **columns: Any) -> None:
    """Give a stored post more than ``records`` does."""
    sets = ", ".join(f"{column} = %({column})s" for column in columns)
    dressed = Command(f"UPDATE post SET {sets} WHERE id = %(id)s::uuid")  # noqa: S608 - our own names
    database.execute(dressed, columns | {"id": id_of(name)})


_DAY = f"post_archive_{BEGAN:%Y%m%d}"
_PARTITION = Command(
    f"""CREATE TABLE IF NOT EXISTS {_DAY} PARTITION OF post_archive
        FOR VALUES FROM ('{BEGAN:%Y-%m-%d} 00:00+00') TO ('{BEGAN + timedelta(days=1):%Y-%m-%d} 00:00+00')"""
)
_MOVE = Command(
    """WITH gone AS (
         DELETE FROM post WHERE id = %(id)s::uuid
         RETURNING id, seq, feed, uri, author, author_hash, event_time, claimed_time, text, languages, tags, links,
                   terms, fingerprint, reply_to)
       INSERT INTO post_archive (id, seq, feed, uri, author, author_hash, event_time, claimed_time, text, languages,
                                 tags, links, terms, fingerprint, reply_to)
       SELECT * FROM gone"""
)


def freeze(database: Database, name: str) -> None:
    """Move a post to the archive, as the mover would."""
    database.execute(_PARTITION)
    database.execute(_MOVE, {"id": id_of(name)})


def test_a_post_is_shown_with_what_it_answers_and_what_its_author_said_around_it(
    api: Served, database: Database
) -> None:
    for number, name in enumerate(("root", "middle", "reply", "later")):
        records.put_post(database, name, time=BEGAN + number * MINUTE)
    records.put_post(database, "stranger", time=BEGAN, author=OTHER)
    for child, parent in (("middle", "root"), ("reply", "middle")):
        dress(database, child, reply_to=id_of(parent))
    dress(database, "root", reply_to=id_of("never stored"))
    freeze(database, "root")
    records.put_topic(database, "t1")
    database.execute(
        Command("INSERT INTO topic_post VALUES ('t1', %(p)s::uuid, %(at)s)"), {"p": id_of("reply"), "at": BEGAN}
    )
    found = ask(api, "post_context", post=id_of("reply"))
    assert [post["id"] for post in found["answers"]] == [id_of("root"), id_of("middle")]
    assert found["more_above"] is True
    assert [post["id"] for post in found["before"]] == [id_of("root"), id_of("middle")]
    assert [post["id"] for post in found["after"]] == [id_of("later")]
    assert [topic["id"] for topic in found["topics"]] == ["t1"]
    records.delete_post(database, "middle")
    assert ask(api, "post_context", post=id_of("reply"))["answers"] == []
    ask(api, "post_context", 404, post=id_of("middle"))


def test_posts_that_answer_each_other_in_a_ring_end(api: Served, database: Database) -> None:
    for name in ("a", "b"):
        records.put_post(database, name)
    dress(database, "a", reply_to=id_of("b"))
    dress(database, "b", reply_to=id_of("a"))
    assert len(ask(api, "post_context", post=id_of("a"))["answers"]) == 2


def test_an_account_is_told_by_what_it_posted(api: Served, database: Database) -> None:
    for number in range(6):
        records.put_post(database, f"p{number}", time=BEGAN + number * MINUTE, fingerprint=7 if number < 3 else number)
        dress(
            database,
            f"p{number}",
            tags=["#Power"] if number else [],
            links=["https://www.example.org/a", "https://example.org/b"] if number < 2 else [],
            languages=["pt-BR"] if number == 5 else ["en"],
            likes=2,
        )
    records.put_post(database, "other", author=OTHER)
    records.put_post(database, "gone", deleted=True)
    freeze(database, "p0")
    found = ask(api, "author", author=DID)
    assert (found["looked_at"], found["with_links"], found["copies"], found["likes"]) == (6, 2, 2, 10)
    assert found["languages"] == [
        {"name": "en", "posts": 5, "authors": 1},
        {"name": "pt", "posts": 1, "authors": 1},
    ]
    assert (found["tags"][0]["name"], found["tags"][0]["posts"]) == ("power", 5)
    assert found["sites"] == [{"name": "example.org", "posts": 2, "authors": 1}]
    assert (sum(found["hours"]), found["hours"][12]) == (6, 6)
    ask(api, "author", 404, author="did:plc:nobody")
    seen, before = [], None
    for _ in range(5):
        page = ask(api, "author_posts", author=DID, limit=2, before=before)
        seen += [post["id"] for post in page["posts"]]
        before = page["next"]
        if before is None:
            break
    assert seen == [id_of(f"p{number}") for number in (5, 4, 3, 2, 1, 0)]


def test_a_breakdown_counts_people_first_and_says_how_much_it_looked_at(api: Served, database: Database) -> None:
    assert ask(api, "breakdown")["shares"] == []
    for number in range(4):
        records.put_post(database, f"loud{number}", time=BEGAN)
        dress(database, f"loud{number}", tags=["spam"])
    for number in range(2):
        who = f"did:plc:{number:024d}"
        records.put_post(database, f"crowd{number}", time=BEGAN, author=who)
        dress(database, f"crowd{number}", tags=["power", "Power"], links=["https://news.example/x"])
    records.put_post(database, "old", time=BEGAN - timedelta(hours=3))
    found = ask(api, "breakdown", by="tag")
    assert [(share["name"], share["posts"], share["authors"]) for share in found["shares"]] == [
        ("power", 2, 2),
        ("spam", 4, 1),
    ]
    assert (found["looked_at"], found["whole"]) == (6, True)
    assert ask(api, "breakdown", by="site")["shares"][0]["name"] == "news.example"
    assert ask(api, "breakdown", by="author")["shares"][0]["name"] == DID
    assert ask(api, "breakdown", by="language", minutes=240)["looked_at"] == 7
    assert ask(api, "breakdown", by="feed", feed="nothing")["looked_at"] == 0
    records.put_topic(database, "t1")
    database.execute(
        Command("INSERT INTO topic_post VALUES ('t1', %(p)s::uuid, %(at)s)"), {"p": id_of("crowd0"), "at": BEGAN}
    )
    assert ask(api, "breakdown", by="author", topic="t1")["looked_at"] == 1
    ask(api, "breakdown", 400, by="moon")


def test_a_topics_posts_people_end_and_company(api: Served, database: Database) -> None:
    for topic in ("a", "b"):
        records.put_topic(database, topic, at=BEGAN)
        records.put_minutes(database, topic, BEGAN - 3 * MINUTE, [1, 2, 3])
    records.put_gap(database, BEGAN - 2 * MINUTE, 1)
    records.put_clock(database, BEGAN)
    for number in range(5):
        records.put_post(database, f"p{number}", time=BEGAN + number * MINUTE, author=DID if number < 3 else OTHER)
        for topic in ("a", "b") if number > 2 else ("a",):
            database.execute(
                Command("INSERT INTO topic_post VALUES (%(t)s, %(p)s::uuid, %(at)s)"),
                {"t": topic, "p": id_of(f"p{number}"), "at": BEGAN + number * MINUTE},
            )
    freeze(database, "p0")
    first = ask(api, "topic_posts", topic="a", limit=3)
    rest = ask(api, "topic_posts", topic="a", limit=3, before=first["next"])
    assert [post["id"] for post in first["posts"] + rest["posts"]] == [id_of(f"p{n}") for n in (4, 3, 2, 1, 0)]
    assert rest["next"] is None
    people = ask(api, "topic_people", topic="a")
    assert (people["looked_at"], people["people"]) == (5, 2)
    assert [(one["author"], one["posts"]) for one in people["most_active"]] == [(DID, 3), (OTHER, 2)]
    both = ask(api, "compare_topics", topics=["b", "a"], minutes=4)
    assert [topic["id"] for topic in both["topics"]] == ["b", "a"]
    assert both["values"] == [[None, 1, None, 3]] * 2
    assert both["overlaps"] == [{"first": "a", "second": "b", "posts": 2, "people": 1}]
    ask(api, "compare_topics", 404, topics=["a", "none"])
    ask(api, "compare_topics", 400, topics=["a"])
    ask(api, "topic_people", 404, topic="none")
    for number in range(3):
        records.put_topic(database, f"past{number}", status="ended", at=BEGAN + number * MINUTE)
    seen, before = [], None
    for _ in range(3):
        page = ask(api, "past_topics", limit=2, before=before)
        seen += [topic["id"] for topic in page["topics"]]
        before = page["next"]
        if before is None:
            break
    assert seen == ["past2", "past1", "past0"]
    ask(api, "past_topics", 400, before="AAAA")


def test_counts_over_time_have_one_axis_and_show_what_was_not_read(api: Served, database: Database) -> None:
    records.put_feed(database, "other")
    database.execute(
        Command(
            """INSERT INTO feed_minute (feed, minute, posts, likes)
               SELECT feed, %(began)s + make_interval(mins => n), n, 1
                 FROM generate_series(0, 150) AS n, unnest('{bluesky,other}'::text[]) AS feed"""
        ),
        {"began": BEGAN},
    )
    records.put_cursor(database, "bluesky", BEGAN + timedelta(minutes=150))
    database.execute(Command("UPDATE feed_cursor SET events = 1"))
    records.put_gap(database, BEGAN + 5 * MINUTE, 1)
    whole = ask(api, "timeline", bucket="hour", start=BEGAN.isoformat(), end=(BEGAN + timedelta(hours=3)).isoformat())
    assert [len(whole["starts"]), [feed["feed"] for feed in whole["feeds"]]] == [3, ["bluesky", "other"]]
    assert whole["feeds"][0]["posts"] == [sum(range(60)), sum(range(60, 120)), sum(range(120, 151))]
    assert len(whole["gaps"]) == 1
    recent = ask(api, "timeline", feed="other")
    assert ([feed["feed"] for feed in recent["feeds"]], recent["gaps"]) == (["other"], [])
    assert sum(recent["feeds"][0]["likes"]) == 151
    ask(api, "timeline", 400, bucket="minute", start="2026-01-01T00:00:00Z", end="2026-02-01T00:00:00Z")
    ask(api, "timeline", 400, start=BEGAN.isoformat(), end=BEGAN.isoformat())
    ask(api, "timeline", 404, feed="nothing")
    days = ask(api, "days", days=3)["days"]
    assert [len(days), days[0]["day"] > days[1]["day"]] == [3, True]


def test_an_export_is_whole_bounded_and_no_formula(api: Served, database: Database) -> None:
    records.put_topic(database, "t1")
    for number in range(5):
        records.put_post(database, f"p{number}", time=BEGAN + (number // 2) * MINUTE, text=f"=HYPERLINK({number})")
    records.put_post(database, "gone", deleted=True)
    records.put_post(database, "other", author=OTHER, text='two\nlines, "quoted"', time=BEGAN + timedelta(hours=1))
    freeze(database, "p1")
    seen: list[str] = []
    after = None
    for _ in range(5):
        given = {"limit": 2, "author": DID} | ({"after": after} if after else {})
        answer = api.http.get("/api/v1/exports/posts", params=given)
        assert "attachment" in answer.headers["content-disposition"]
        lines = [msgspec.json.decode(line) for line in answer.text.splitlines()]
        seen += [line["id"] for line in lines]
        if len(lines) < 2:
            break
        after = lines[-1]["id"]
    assert sorted(seen) == sorted(id_of(f"p{number}") for number in range(5))
    assert len(seen) == 5
    answer = api.http.get("/api/v1/exports/posts", params={"format": "csv", "limit": 50})
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(table) == 6
    assert all(row["text"].startswith("'=") for row in table[:5])
    assert table[5]["text"] == 'two\nlines, "quoted"'
    for narrower, count in (
        ({"language": "EN"}, 6),
        ({"language": "pt"}, 0),
        ({"since": (BEGAN + MINUTE).isoformat()}, 4),
        ({"until": (BEGAN + MINUTE).isoformat()}, 2),
        ({"topic": "t1"}, 0),
        ({"feed": "nothing"}, 0),
    ):
        text = api.http.get("/api/v1/exports/posts", params=narrower).text
        assert len(text.splitlines()) == count, narrower
    for wrong in (
        {"limit": 10_001},
        {"since": BEGAN.isoformat(), "until": (BEGAN + timedelta(days=8)).isoformat()},
        {"until": BEGAN.isoformat(), "since": BEGAN.isoformat()},
    ):
        assert api.http.get("/api/v1/exports/posts", params=wrong).status_code == 400, wrong
