"""Alerts as the interfaces read and acknowledge them, and as the job raises them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from shared.contracts.addresses import post_address
from shared.schemas.alert import Alert, AlertDay, AlertKind, AlertPost, AlertTopic, MatchedWord
from shared.schemas.base import Schema
from shared.schemas.destination import Delivery
from shared.store import destinations
from shared.store.database import Command, Statement, Transaction
from shared.store.watches import Count


class AlertRow(Schema, frozen=True, kw_only=True):
    """An alert without its posts, topics' labels and deliveries."""

    id: str
    seq: int
    watch: str
    watch_name: str
    kind: AlertKind
    level: int
    began_at: datetime
    at: datetime
    raised_at: datetime
    minutes: int
    posts: int
    authors: int
    usual: float | None
    ratio: float | None
    provisional: bool
    matched: list[Any]
    languages: list[str]
    samples: list[str]
    topics: list[str]
    reason: str
    acknowledged_at: datetime | None


class SampleRow(Schema, frozen=True, kw_only=True):
    """A post that is still there."""

    id: str
    uri: str
    author: str
    time: datetime
    text: str
    languages: list[str]

    def sample(self) -> AlertPost:
        """The post as an alert shows it."""
        return AlertPost(
            id=self.id,
            author=self.author,
            time=self.time,
            text=self.text,
            languages=self.languages,
            url=post_address(self.uri),
        )


class LabelRow(Schema, frozen=True, kw_only=True):
    """A topic's label."""

    id: str
    label: str


_ALERT = """
  SELECT alert.id::text, seq, watch::text, watch.name AS watch_name, kind, level, began_at, at, raised_at, minutes,
         posts, authors, usual, ratio, provisional, matched, languages, samples::text[], topics, reason,
         acknowledged_at
    FROM alert JOIN watch ON watch.id = alert.watch"""

#: Newest first; ``before`` is a ``seq``.
PAGE = Statement(
    f"""{_ALERT}
         WHERE (%(before)s::bigint IS NULL OR seq < %(before)s)
           AND (%(watch)s::uuid IS NULL OR watch = %(watch)s)
           AND (NOT %(unread)s OR acknowledged_at IS NULL)
         ORDER BY seq DESC LIMIT %(limit)s""",
    AlertRow,
)
ONE = Statement(f"{_ALERT} WHERE alert.id = %(alert)s", AlertRow)
UNREAD = Statement("SELECT count(*) AS count FROM alert WHERE acknowledged_at IS NULL", Count)
SAMPLES = Statement(
    """SELECT id::text, uri, author, event_time AS time, text, languages FROM every_post AS post
        WHERE id = ANY(%(posts)s::uuid[]) AND deleted_at IS NULL""",
    SampleRow,
)
LABELS = Statement("SELECT id, label FROM topic WHERE id = ANY(%(topics)s)", LabelRow)
ACKNOWLEDGE = Command(
    """UPDATE alert SET acknowledged_at = now()
        WHERE acknowledged_at IS NULL
          AND (%(alerts)s::uuid[] IS NULL OR id = ANY(%(alerts)s::uuid[]))
          AND (%(watch)s::uuid IS NULL OR watch = %(watch)s)"""
)

#: Nothing when it is there already.
RAISE = Command(
    """INSERT INTO alert (id, watch, kind, level, began_at, at, minutes, posts, authors, usual, ratio, provisional,
                          matched, languages, samples, topics, reason)
       VALUES (%(id)s, %(watch)s, %(kind)s, %(level)s, %(began_at)s, %(at)s, %(minutes)s, %(posts)s, %(authors)s,
               %(usual)s, %(ratio)s, %(provisional)s, %(matched)s::jsonb, %(languages)s, %(samples)s::uuid[],
               %(topics)s, %(reason)s)
       ON CONFLICT (id) DO NOTHING"""
)
#: The other condition holds by now too: the alert says so on the screen, and where it is still to be sent.
ADD = Command(
    """UPDATE alert SET reason = reason || ' ' || %(note)s,
                        topics = topics || array(SELECT topic FROM unnest(%(topics)s::text[]) AS topic
                                                  WHERE topic <> ALL(topics))
        WHERE id = %(alert)s AND position(%(note)s IN reason) = 0"""
)
#: One delivery for each destination of the alert's watch, with its job. ``next_at`` lies ahead: the job is on
#: its way.
SEND = Command(
    """WITH made AS (
         INSERT INTO delivery (alert, destination, next_at)
         SELECT %(alert)s, destination.id, now() + make_interval(secs => %(lease_seconds)s)
           FROM watch JOIN destination ON destination.id = ANY(watch.destinations)
          WHERE watch.id = %(watch)s
         ON CONFLICT (alert, destination) DO NOTHING RETURNING id)
       INSERT INTO outbox (actor, queue, args)
       SELECT %(actor)s, %(queue)s, jsonb_build_object('delivery_id', id::text) FROM made"""
)


def shown(
    row: AlertRow, posts: dict[str, SampleRow], labels: dict[str, str], deliveries: list[Delivery], public_url: str
) -> Alert:
    """``row`` as interfaces show it. ``posts`` and ``labels`` hold what is still there."""
    skipped = ("seq", "matched", "samples", "topics")
    return Alert(
        **{name: getattr(row, name) for name in row.__struct_fields__ if name not in skipped},
        matched=msgspec.convert(row.matched, list[MatchedWord]),
        samples=[posts[post].sample() for post in row.samples if post in posts],
        topics=[
            AlertTopic(id=topic, label=labels[topic], link=f"{public_url}/topics/{quote(topic, safe='')}")
            for topic in row.topics
            if topic in labels
        ],
        link=f"{public_url}/alerts/{row.id}",
        deliveries=deliveries,
    )


def read(transaction: Transaction, alert_id: str, public_url: str) -> tuple[Alert, int] | None:
    """One alert as interfaces show it, and how many alerts are not acknowledged; ``None`` if it is gone."""
    row = transaction.fetch_one(ONE, {"alert": alert_id})
    if row is None:
        return None
    posts = {post.id: post for post in transaction.fetch(SAMPLES, {"posts": row.samples})}
    labels = {label.id: label.label for label in transaction.fetch(LABELS, {"topics": row.topics})}
    sent = [found.delivery() for found in transaction.fetch(destinations.OF_ALERTS, {"alerts": [row.id]})]
    unread = transaction.fetch_one(UNREAD)
    return shown(row, posts, labels, sent, public_url), unread.count if unread else 0


#: The last ``days`` days (UTC), the present one included.
DAYS = Statement(
    """SELECT (raised_at AT TIME ZONE 'UTC')::date AS day, alert.watch::text, watch.name, count(*) AS alerts,
              count(*) FILTER (WHERE acknowledged_at IS NULL) AS unread
         FROM alert JOIN watch ON watch.id = alert.watch
        WHERE raised_at >= (date_trunc('day', now() AT TIME ZONE 'UTC') - make_interval(days => %(days)s - 1))
                             AT TIME ZONE 'UTC'
        GROUP BY 1, 2, 3 ORDER BY 1 DESC, alerts DESC, watch.name LIMIT 2000""",
    AlertDay,
)
